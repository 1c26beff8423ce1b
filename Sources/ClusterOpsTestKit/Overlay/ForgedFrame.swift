import ClusterModel

/// Frames of ARP, IPv4 and DHCP made field by field, as an honest guest sends them and as a hostile one does.
package enum ForgedFrame {
    /// The addresses of a station.
    package struct Station: Sendable, Hashable {
        package let mac: MACAddress
        package let address: IPv4Address

        package init(_ mac: MACAddress, _ address: IPv4Address) {
            self.mac = mac
            self.address = address
        }
    }

    package static let ipv4: [UInt8] = [8, 0]
    package static let arp: [UInt8] = [8, 6]
    package static let ipv6: [UInt8] = [0x86, 0xdd]
    /// The hardware address of everybody.
    package static let everybody = [UInt8](repeating: 0xff, count: 6)

    /// A frame; `target` is everybody unless it is given.
    package static func ethernet(
        from source: MACAddress,
        to target: [UInt8] = everybody,
        _ type: [UInt8],
        _ payload: [UInt8]
    ) -> [UInt8] { target + source.octets + type + payload }

    /// A frame with a VLAN tag in it.
    package static func tagged(_ frame: [UInt8], vlan: UInt16, type: [UInt8] = [0x81, 0]) -> [UInt8] {
        frame.prefix(12) + type + bytes(vlan) + frame.dropFirst(12)
    }

    /// The contents of an ARP frame: operation 1 asks, 2 answers.
    package static func arp(
        _ operation: UInt8,
        of sender: Station,
        about target: IPv4Address,
        hardware: UInt8 = 1
    ) -> [UInt8] {
        [0, hardware, 8, 0, 6, 4, 0, operation] + sender.mac.octets + sender.address.octets
            + [UInt8](repeating: 0, count: 6) + target.octets
    }

    /// A datagram of UDP within IPv4.
    package static func datagram(
        from source: (address: IPv4Address, port: UInt16),
        to target: (address: IPv4Address, port: UInt16),
        _ payload: [UInt8]
    ) -> [UInt8] {
        packet(from: source.address, to: target.address, udp(from: source.port, to: target.port, payload))
    }

    /// A UDP datagram.
    package static func udp(from source: UInt16, to target: UInt16, _ payload: [UInt8]) -> [UInt8] {
        bytes(source) + bytes(target) + bytes(UInt16(payload.count + 8)) + [0, 0] + payload
    }

    /// A packet of IPv4 that carries UDP, or a fragment of one.
    ///
    /// - Parameters:
    ///   - source: its address.
    ///   - target: its address.
    ///   - body: what it carries.
    ///   - fragment: the field with the flags and the offset in units of 8 octets; 0x2000 says that more follow.
    ///   - options: in full words.
    /// - Returns: The packet.
    package static func packet(
        from source: IPv4Address,
        to target: IPv4Address,
        _ body: [UInt8],
        fragment: UInt16 = 0,
        options: [UInt8] = []
    ) -> [UInt8] {
        let length = 20 + options.count
        var header: [UInt8] =
            [0x40 | UInt8(length / 4), 0] + bytes(UInt16(length + body.count)) + [0x12, 0x34] + bytes(fragment)
            + [64, 17, 0, 0] + source.octets + target.octets + options
        header.replaceSubrange(10..<12, with: bytes(GuestFrame.checksum(header)))
        return header + body
    }

    /// A message of DHCP.
    ///
    /// - Parameters:
    ///   - kind: 1 is DISCOVER, 2 OFFER, 4 DECLINE.
    ///   - client: whose hardware address it names.
    ///   - operation: 1 is a client's, 2 a server's.
    ///   - relay: the address of a relay that it has come by.
    ///   - length: that it gives of the hardware address.
    ///   - number: of the exchange.
    /// - Returns: The message.
    package static func dhcp(
        _ kind: UInt8,
        of client: MACAddress,
        operation: UInt8 = 1,
        relay: IPv4Address? = nil,
        length: UInt8 = 6,
        number: UInt32 = 0
    ) -> [UInt8] {
        [operation, 1, length, 0] + withUnsafeBytes(of: number.bigEndian) { Array($0) } + [0, 0, 0x80, 0]
            + [UInt8](repeating: 0, count: 12) + (relay?.octets ?? [0, 0, 0, 0]) + client.octets
            + [UInt8](repeating: 0, count: 10 + 64 + 128) + [0x63, 0x82, 0x53, 0x63, 53, 1, kind, 255]
    }

    private static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}
