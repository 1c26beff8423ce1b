/// The kernel's settings of a device that decide what the node's own IP stack takes from it, and answers there.
///
/// They close every device of a network: guests reach each other through it, and never the node. The rules of
/// ``HostFirewall`` do the same again; either is enough while the other is missing.
package struct StackSettings: Sendable, Hashable {
    /// A Boolean value that indicates whether packets from the device are routed, whatever `ip_forward` is.
    package var forwards: Bool
    /// 1 refuses packets from addresses that are not reached through the device; for one without addresses that is all.
    package var reversePathFilter: UInt32
    /// 8 answers no ARP request, also not for the addresses of other devices.
    package var arpIgnore: UInt32
    /// Nil on a kernel without IPv6.
    package var isIPv6Disabled: Bool?

    package init(forwards: Bool, reversePathFilter: UInt32, arpIgnore: UInt32, isIPv6Disabled: Bool?) {
        self.forwards = forwards
        self.reversePathFilter = reversePathFilter
        self.arpIgnore = arpIgnore
        self.isIPv6Disabled = isIPv6Disabled
    }

    /// A device from which the node's stack takes nothing.
    package static let closed = StackSettings(
        forwards: false,
        reversePathFilter: 1,
        arpIgnore: 8,
        isIPv6Disabled: true
    )

    package var isClosed: Bool {
        var expected = Self.closed
        // A kernel without IPv6 has none to disable.
        expected.isIPv6Disabled = isIPv6Disabled.map { _ in true }
        return self == expected
    }

    /// The lines by which `sysctl -p` closes a device.
    static func closing(_ device: some NetworkDeviceName) -> [String] {
        [
            "net.ipv6.conf.\(device).disable_ipv6=1", "net.ipv4.conf.\(device).forwarding=0",
            "net.ipv4.conf.\(device).rp_filter=\(closed.reversePathFilter)",
            "net.ipv4.conf.\(device).arp_ignore=\(closed.arpIgnore)",
        ]
    }

    /// The command that closes devices by such lines.
    ///
    /// With `-e`, because a kernel without IPv6 has no such key; the read-back checks the settings.
    static func command(_ lines: [String], in namespace: String?) -> HostCommand {
        HostCommand(
            .sysctl,
            ["-q", "-e", "-p", "-"],
            input: lines.map { $0 + "\n" }.joined(),
            namespace: namespace
        )
    }
}
