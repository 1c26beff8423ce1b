/// A device inside a network's namespace with its IPv4 addresses.
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
    /// Nil on a kernel without IPv6, and where that was not read.
    package let isIPv6Disabled: Bool?
    /// Its device group, by number.
    package let group: String
}

extension NamespaceDevice {
    init(_ message: DeviceMessage, _ addresses: [AddressMessage]) {
        name = message.name
        mac = message.address ?? ""
        mtu = message.mtu ?? 0
        isUp = message.isUp
        self.addresses = addresses.filter { $0.device == message.index }.map(\.address)
        peer = message.peer
        isIPv6Disabled = message.stack?.isIPv6Disabled
        group = message.group
    }

    /// Returns the reason why a list of devices is incomplete: every namespace has a loopback device.
    static func objection(to devices: [NamespaceDevice]) -> String? {
        devices.isEmpty ? "there is not even a loopback device" : nil
    }
}
