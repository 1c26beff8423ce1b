/// A device inside a network's namespace with its IPv4 addresses, as `ip -j addr show` shows it.
package struct NamespaceDevice: Sendable, Hashable {
    package let name: String
    /// Its hardware address; empty for a device without one.
    package let mac: String
    package let mtu: Int
    package let isUp: Bool
    /// With their prefix lengths, `10.9.0.1/24`, in the kernel's order.
    package let addresses: [String]
    /// The number of its other end, in the namespace where that is; nil when it has none elsewhere.
    package let peer: Int?
    /// Nil on a kernel without IPv6, and where that was not read: `ip` does not show it.
    package let isIPv6Disabled: Bool?

    init(_ message: DeviceMessage, _ addresses: [AddressMessage]) {
        name = message.name
        mac = message.address ?? ""
        mtu = message.mtu ?? 0
        isUp = message.isUp
        self.addresses = addresses.filter { $0.device == message.index }.map(\.address)
        peer = message.peer
        isIPv6Disabled = message.stack?.isIPv6Disabled
    }

    /// Why a list of devices is not whole: every namespace has a loopback device.
    static func objection(to devices: [NamespaceDevice]) -> String? {
        devices.isEmpty ? "there is not even a loopback device" : nil
    }
}

extension NamespaceDevice: Decodable {
    private struct Address: Decodable {
        let family: String
        let local: String?
        let prefixlen: Int
    }

    private enum CodingKeys: String, CodingKey {
        case flags, mtu
        case name = "ifname"
        case mac = "address"
        case peer = "link_index"
        case addresses = "addr_info"
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        mac = try fields.decodeIfPresent(String.self, forKey: .mac) ?? ""
        mtu = try fields.decode(Int.self, forKey: .mtu)
        isUp = try fields.decode([String].self, forKey: .flags).contains("UP")
        addresses = try fields.decode([Address].self, forKey: .addresses).filter { $0.family == "inet" }
            .map { "\($0.local ?? "")/\($0.prefixlen)" }
        peer = try fields.decodeIfPresent(Int.self, forKey: .peer)
        isIPv6Disabled = nil
    }
}
