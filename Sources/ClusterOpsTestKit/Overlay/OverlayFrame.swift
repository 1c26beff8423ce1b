import ClusterModel

/// The frames that a probe sends and understands, as they travel in VXLAN packets.
///
/// Each request carries its number, and so does each answer: what is counted are the answers to one request.
enum OverlayFrame {
    private static let tunnelHeader = 8
    private static let etherHeader = 14
    private static let broadcast = [UInt8](repeating: 0xff, count: 6)
    /// Of the requests for an address; the answer goes to one that ends in the request's number.
    private static let asker: [UInt8] = [0x02, 0xc0, 0, 0, 0, 0]

    /// Asks everybody in a network for the hardware address of `address`.
    static func whoHas(_ address: IPv4Address, vni: VNI, tell own: IPv4Address, number: UInt32) -> [UInt8] {
        let sender = [asker[0], asker[1]] + bytes(number)
        return tunnel(vni) + broadcast + asker + [0x08, 0x06]
            + [0, 1, 0x08, 0, 6, 4, 0, 1] + sender + bytes(own.rawValue) + [UInt8](repeating: 0, count: 6)
            + bytes(address.rawValue)
    }

    /// Asks whoever serves a network for an address for `mac`.
    static func discover(_ mac: MACAddress, vni: VNI, number: UInt32) -> [UInt8] {
        let own = octets(mac)
        let fixed: [UInt8] =
            [1, 1, 6, 0] + bytes(number) + [0, 0, 0x80, 0] + [UInt8](repeating: 0, count: 16) + own
            + [UInt8](repeating: 0, count: 10 + 64 + 128)
        let message = fixed + [0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 2, 1, 3, 255]
        let datagram = [0, 68, 0, 67] + bytes(UInt16(message.count + 8)) + [0, 0] + message
        var header: [UInt8] =
            [0x45, 0] + bytes(UInt16(datagram.count + 20)) + [0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]
        let sum = checksum(header)
        header[10] = UInt8(sum >> 8)
        header[11] = UInt8(sum & 0xff)
        return tunnel(vni) + broadcast + own + [0x08, 0] + header + datagram
    }

    /// The question to which an answer belongs.
    enum Answer: Hashable {
        case address(number: UInt32)
        case offer(number: UInt32)
    }

    /// Reads a VXLAN packet; nil when it is no answer to any request.
    static func answer(_ packet: ArraySlice<UInt8>) -> Answer? {
        let frame = packet.dropFirst(tunnelHeader)
        guard frame.count > etherHeader else { return nil }
        let body = [UInt8](frame.dropFirst(etherHeader))
        switch (frame[frame.startIndex + 12], frame[frame.startIndex + 13]) {
        case (0x08, 0x06):
            guard body.count >= 28, body[7] == 2, Array(body[18..<20]) == Array(asker[0..<2]) else { return nil }
            return .address(number: number(body[20..<24]))
        case (0x08, 0):
            let header = Int(body[0] & 0x0f) * 4
            guard body.count >= header + 8 + 240, body[9] == 17 else { return nil }
            let message = body[(header + 8)...]
            let isFromServer = body[header] == 0 && body[header + 1] == 67
            guard isFromServer, message[message.startIndex] == 2 else { return nil }
            return .offer(number: number(message[(message.startIndex + 4)..<(message.startIndex + 8)]))
        default: return nil
        }
    }

    private static func tunnel(_ vni: VNI) -> [UInt8] { [0x08, 0, 0, 0] + bytes(UInt32(vni.rawValue) << 8) }

    private static func octets(_ mac: MACAddress) -> [UInt8] {
        "\(mac)".split(separator: ":").compactMap { UInt8($0, radix: 16) }
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func bytes(_ value: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

    private static func checksum(_ header: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: header.count, by: 2) {
            sum += UInt32(header[index]) << 8 | UInt32(header[index + 1])
        }
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }
}
