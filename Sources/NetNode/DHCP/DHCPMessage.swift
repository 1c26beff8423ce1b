import ClusterModel
import ClusterStore

/// A DHCP message (RFC 2131, 2132), with the fields that requests to a network's own server need.
package struct DHCPMessage: Sendable, Hashable {
    /// The purpose of a message, by the value of option 53.
    package enum Kind: UInt8, Sendable {
        case discover = 1
        case offer = 2
        case release = 7
    }

    /// The port at which servers listen.
    package static let serverPort: UInt16 = 67

    private static let cookie: [UInt8] = [0x63, 0x82, 0x53, 0x63]
    /// From the first byte to the cookie.
    private static let headerLength = 236

    private enum Option {
        static let padding: UInt8 = 0
        static let kind: UInt8 = 53
        static let server: UInt8 = 54
        static let end: UInt8 = 255
    }

    package let kind: Kind
    /// The number that an answer repeats of its question.
    package let transaction: UInt32
    package let mac: MACAddress
    /// The address that the client has; 0.0.0.0 for none.
    package var client = IPv4Address(rawValue: 0)
    /// The address that a server offers; 0.0.0.0 for none.
    package var offered = IPv4Address(rawValue: 0)
    /// The address to which a server sends its answer, at the server's port; 0.0.0.0 for none.
    package var relay = IPv4Address(rawValue: 0)
    /// The server that the message is for, or from.
    package var server: IPv4Address?

    package init(_ kind: Kind, transaction: UInt32, mac: MACAddress) {
        self.kind = kind
        self.transaction = transaction
        self.mac = mac
    }

    /// Returns the DISCOVER of a guest, by way of a relay to which the answer goes.
    package static func discover(_ mac: MACAddress, by relay: IPv4Address, transaction: UInt32) -> DHCPMessage {
        var message = DHCPMessage(.discover, transaction: transaction, mac: mac)
        message.relay = relay
        return message
    }

    /// Returns the RELEASE of a guest, which has no answer.
    package static func release(
        _ lease: LeaseFile.Lease,
        to server: IPv4Address,
        transaction: UInt32
    ) -> DHCPMessage {
        var message = DHCPMessage(.release, transaction: transaction, mac: lease.mac)
        message.client = lease.address
        message.server = server
        return message
    }

    /// The message as it is sent: from a client, over Ethernet.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = [1, 1, 6, 0]
        bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: transaction >> $0) }
        // Seconds and flags.
        bytes += [0, 0, 0, 0]
        bytes += client.octets + offered.octets + [0, 0, 0, 0] + relay.octets
        bytes += mac.octets
        bytes += [UInt8](repeating: 0, count: Self.headerLength - bytes.count)
        bytes += Self.cookie + [Option.kind, 1, kind.rawValue]
        if let server { bytes += [Option.server, 4] + server.octets }
        return bytes + [Option.end]
    }

    /// Reads a server's answer; nil for anything else, and for what is cut short.
    package init?(answer bytes: [UInt8]) {
        let start = Self.headerLength + Self.cookie.count
        guard bytes.count >= start, bytes.starts(with: [2, 1, 6]),
            bytes[Self.headerLength..<start].elementsEqual(Self.cookie),
            let options = Self.options(bytes[start...]),
            let value = options[Option.kind], value.count == 1, let kind = value.first.flatMap(Kind.init),
            let mac = try? MACAddress(bytes[28..<34].map(Self.hexadecimal).joined(separator: ":"))
        else { return nil }
        self.init(kind, transaction: Self.number(bytes[4..<8]), mac: mac)
        client = IPv4Address(rawValue: Self.number(bytes[12..<16]))
        offered = IPv4Address(rawValue: Self.number(bytes[16..<20]))
        relay = IPv4Address(rawValue: Self.number(bytes[24..<28]))
        server = options[Option.server].flatMap { $0.count == 4 ? IPv4Address(rawValue: Self.number($0)) : nil }
    }

    /// The options by their numbers; nil when they do not come to an end.
    private static func options(_ bytes: ArraySlice<UInt8>) -> [UInt8: ArraySlice<UInt8>]? {
        var options: [UInt8: ArraySlice<UInt8>] = [:]
        var rest = bytes
        while let code = rest.popFirst() {
            if code == Option.end { return options }
            if code == Option.padding { continue }
            guard let length = rest.popFirst(), rest.count >= Int(length) else { return nil }
            options[code] = rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
