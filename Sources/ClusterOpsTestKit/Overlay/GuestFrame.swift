import ClusterModel

/// Frames as a hostile guest sends them, and what is to be seen of others.
package enum GuestFrame {
    private static let etherTypes: (ipv4: [UInt8], arp: [UInt8], ipv6: [UInt8]) = ([8, 0], [8, 6], [0x86, 0xdd])
    private static let broadcast = [UInt8](repeating: 0xff, count: 6)
    private static let (tcp, udp, icmp6): (UInt8, UInt8, UInt8) = (6, 17, 58)

    /// A router advertisement (RFC 4861) to all nodes: an address of 2001:db8:66::/64 for each, and a default route
    /// through the sender.
    package static func routerAdvertisement(from mac: MACAddress) -> [UInt8] {
        let source = [0xfe, 0x80] + [UInt8](repeating: 0, count: 8) + octets(mac)
        let target = [0xff, 0x02] + [UInt8](repeating: 0, count: 13) + [1]
        let prefix: [UInt8] =
            [3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0x66]
            + [UInt8](repeating: 0, count: 10)
        // Hop limit 64, no flags, a router for 1,800 s.
        var message: [UInt8] =
            [134, 0, 0, 0, 64, 0, 0x07, 0x08] + [UInt8](repeating: 0, count: 8) + prefix + [1, 1] + octets(mac)
        let sum = checksum(source + target + [0, 0] + bytes(UInt16(message.count)) + [0, 0, 0, icmp6] + message)
        message.replaceSubrange(2..<4, with: bytes(sum))
        return [0x33, 0x33, 0, 0, 0, 1] + octets(mac) + etherTypes.ipv6
            + [0x60, 0, 0, 0] + bytes(UInt16(message.count)) + [icmp6, 255] + source + target + message
    }

    /// Asks everybody for the hardware address of `address`.
    package static func whoHas(_ address: IPv4Address, from mac: MACAddress, at own: IPv4Address) -> [UInt8] {
        broadcast + octets(mac) + etherTypes.arp + [0, 1, 8, 0, 6, 4, 0, 1] + octets(mac) + bytes(own.rawValue)
            + [UInt8](repeating: 0, count: 6) + bytes(address.rawValue)
    }

    /// Returns whether a frame is an ARP reply of `address`.
    package static func isReply(_ frame: [UInt8], of address: IPv4Address) -> Bool {
        isARP(frame, from: address) && frame[21] == 2
    }

    /// Returns whether a frame asks for the hardware address of `address`.
    package static func isQuestion(_ frame: [UInt8], about address: IPv4Address) -> Bool {
        frame.count >= 42 && Array(frame[12..<14]) == etherTypes.arp && frame[21] == 1
            && Array(frame[38..<42]) == bytes(address.rawValue)
    }

    /// Returns whether a frame is a gratuitous ARP of `address`.
    package static func isGratuitousARP(_ frame: [UInt8], of address: IPv4Address) -> Bool {
        isARP(frame, from: address) && Array(frame[38..<42]) == bytes(address.rawValue)
    }

    private static func isARP(_ frame: [UInt8], from address: IPv4Address) -> Bool {
        frame.count >= 42 && Array(frame[12..<14]) == etherTypes.arp
            && Array(frame[28..<32]) == bytes(address.rawValue)
    }

    /// A UDP datagram in a frame.
    package static func datagram(
        from source: (mac: MACAddress, address: IPv4Address),
        to target: (mac: MACAddress, address: IPv4Address, port: UInt16),
        _ payload: [UInt8]
    ) -> [UInt8] {
        let body = [0x30, 0x39] + bytes(target.port) + bytes(UInt16(payload.count + 8)) + [0, 0] + payload
        var header: [UInt8] =
            [0x45, 0] + bytes(UInt16(body.count + 20)) + [0, 0, 0, 0, 64, udp, 0, 0]
            + bytes(source.address.rawValue) + bytes(target.address.rawValue)
        header.replaceSubrange(10..<12, with: bytes(checksum(header)))
        return octets(target.mac) + octets(source.mac) + etherTypes.ipv4 + header + body
    }

    /// Returns a frame with a TCP reset of no connection, which connection tracking takes for invalid.
    package static func strayReset(
        from source: (mac: MACAddress, address: IPv4Address),
        to target: (mac: MACAddress, address: IPv4Address)
    ) -> [UInt8] {
        var segment: [UInt8] =
            [0x30, 0x39, 0, 80] + bytes(UInt32(1)) + bytes(UInt32(0)) + [0x50, 0x04, 0, 0, 0, 0, 0, 0]
        let pseudo = bytes(source.address.rawValue) + bytes(target.address.rawValue) + [0, tcp] + bytes(UInt16(20))
        segment.replaceSubrange(16..<18, with: bytes(checksum(pseudo + segment)))
        var header: [UInt8] =
            [0x45, 0] + bytes(UInt16(segment.count + 20)) + [0, 0, 0, 0, 64, tcp, 0, 0]
            + bytes(source.address.rawValue) + bytes(target.address.rawValue)
        header.replaceSubrange(10..<12, with: bytes(checksum(header)))
        return octets(target.mac) + octets(source.mac) + etherTypes.ipv4 + header + segment
    }

    /// Returns whether a frame carries an IPv4 packet of `address`.
    package static func isPacket(_ frame: [UInt8], of address: IPv4Address) -> Bool {
        frame.count >= 34 && Array(frame[12..<14]) == etherTypes.ipv4
            && Array(frame[26..<30]) == bytes(address.rawValue)
    }

    /// Returns the content of a VXLAN datagram (RFC 7348) that brings a frame into a network.
    package static func vxlan(_ vni: VNI, _ frame: [UInt8]) -> [UInt8] {
        [8, 0, 0, 0] + bytes(UInt32(vni.rawValue) << 8) + frame
    }

    private static func octets(_ mac: MACAddress) -> [UInt8] {
        "\(mac)".split(separator: ":").compactMap { UInt8($0, radix: 16) }
    }

    private static func bytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count - 1, by: 2) {
            sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        }
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }
}
