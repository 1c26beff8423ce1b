/// A question to a DNS server (RFC 1035, 4.1).
package struct NameQuery: Sendable, Hashable {
    private let id: UInt16
    private let name: [String]
    private let type: UInt16
    private let scope: UInt16

    /// Asks for the text of `version.bind` in the class CHAOS: dnsmasq answers that by itself, without its upstream.
    package static func version(id: UInt16) -> NameQuery {
        NameQuery(id: id, name: ["version", "bind"], type: 16, scope: 3)
    }

    /// The question as it is sent.
    package var bytes: [UInt8] {
        // One question, and recursion wanted.
        var bytes = octets(id) + [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name {
            bytes.append(UInt8(label.utf8.count))
            bytes += label.utf8
        }
        bytes.append(0)
        return bytes + octets(type) + octets(scope)
    }

    /// Returns whether a message is an answer to this question; a refusal is one.
    package func isAnswered(by message: [UInt8]) -> Bool {
        message.count >= 12 && message.starts(with: octets(id)) && message[2] & 0x80 != 0
    }

    private func octets(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] }
}
