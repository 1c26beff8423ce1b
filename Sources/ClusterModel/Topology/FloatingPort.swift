/// A port of a floating address that leads to its guest, such as `tcp/80`.
package struct FloatingPort: TextValue {
    /// A protocol that has ports.
    package enum Transport: String, Sendable, Hashable, CaseIterable {
        case tcp, udp
    }

    /// The most ports of one address; the schema has places for as many.
    package static let most = 32

    package let transport: Transport
    /// The number of the port, 1 to 65535.
    package let number: Int

    /// Parses a protocol and a port.
    ///
    /// - Throws: `ValueError` for anything else.
    package init(_ text: String) throws(ValueError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let transport = Transport(rawValue: String(parts[0])),
            let number = WholeNumber.parse(parts[1].utf8, in: 1...65_535)
        else {
            throw ValueError("port", found: text, expected: "tcp or udp, and a port, such as tcp/80")
        }
        (self.transport, self.number) = (transport, number)
    }

    package var description: String { "\(transport.rawValue)/\(number)" }

    /// Orders by protocol and number.
    package static func < (left: FloatingPort, right: FloatingPort) -> Bool {
        (left.transport.rawValue, left.number) < (right.transport.rawValue, right.number)
    }
}
