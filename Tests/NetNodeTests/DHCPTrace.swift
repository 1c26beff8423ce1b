import ClusterModel
import ClusterOpsTestKit

/// A message of DHCP between a client and a server, as it was on the wire.
struct DHCPSighting: Sendable, Hashable {
    /// The purpose of a message, by the value of option 53.
    enum Kind: UInt8, Sendable {
        case discover = 1
        case offer, request, decline, acknowledgement, refusal, release
    }

    let kind: Kind
    /// The destination of the packet.
    let target: IPv4Address
    let transaction: UInt32
    /// A Boolean value that indicates whether the client asks for answers that are sent to all.
    let asksForBroadcast: Bool
    /// The address that the client says that it has; 0.0.0.0 for none.
    let client: IPv4Address
    /// The address that the server gives; 0.0.0.0 for none.
    let given: IPv4Address
    let mac: MACAddress
    /// A Boolean value that indicates whether the client calls itself by an identifier.
    let hasIdentifier: Bool

    /// Reads a frame; nil for anything else.
    init?(_ frame: [UInt8]) {
        guard frame.count > 34, frame[12..<14] == [8, 0], frame[23] == 17 else { return nil }
        let datagram = frame.dropFirst(14 + Int(frame[14] & 15) * 4)
        let message = Array(datagram.dropFirst(8))
        guard message.count > 240, message[236..<240] == [0x63, 0x82, 0x53, 0x63],
            datagram.dropFirst(2).prefix(2) == [0, 67] || datagram.dropFirst(2).prefix(2) == [0, 68]
        else { return nil }
        var options: [UInt8: ArraySlice<UInt8>] = [:]
        var rest = message[240...]
        while let code = rest.popFirst(), code != 255 {
            guard code != 0 else { continue }
            guard let length = rest.popFirst() else { return nil }
            options[code] = rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        func number(_ start: Int) -> UInt32 { message[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
        guard let kind = options[53]?.first.flatMap(Kind.init),
            let mac = try? MACAddress(
                message[28..<34].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
            )
        else { return nil }
        self.kind = kind
        self.mac = mac
        target = IPv4Address(rawValue: frame[30..<34].reduce(0) { $0 << 8 | UInt32($1) })
        transaction = number(4)
        asksForBroadcast = message[10] & 0x80 != 0
        (client, given) = (IPv4Address(rawValue: number(12)), IPv4Address(rawValue: number(16)))
        hasIdentifier = options[61] != nil
    }
}

/// All that was seen at a device from the moment of its creation on.
struct WireTrace: Sendable {
    private let port: RawPort
    private let seen = Locked<[[UInt8]]>([])

    /// - Parameters:
    ///   - device: by name.
    ///   - namespace: the name of its network namespace.
    /// - Throws: When there is no such device.
    init(_ device: String, in namespace: String) throws { port = try RawPort(device, in: namespace) }

    /// The frames, in their order.
    var frames: [[UInt8]] {
        seen.update { frames in
            frames += port.frames()
            return frames
        }
    }

    /// The messages of DHCP, in their order.
    var messages: [DHCPSighting] { frames.compactMap(DHCPSighting.init) }

    /// Returns the messages of one kind that are about one client.
    func messages(_ kind: DHCPSighting.Kind, of mac: MACAddress) -> [DHCPSighting] {
        messages.filter { $0.kind == kind && $0.mac == mac }
    }

    /// Returns whether somebody has asked by ARP, without an address of its own, who has an address (RFC 5227).
    func hasProbe(of address: IPv4Address) -> Bool {
        frames.contains { GuestFrame.isQuestion($0, about: address) && $0[28..<32] == [0, 0, 0, 0] }
    }

    /// Returns whether somebody has said by ARP that it has an address now.
    func hasAnnouncement(of address: IPv4Address) -> Bool {
        frames.contains { GuestFrame.isGratuitousARP($0, of: address) }
    }
}
