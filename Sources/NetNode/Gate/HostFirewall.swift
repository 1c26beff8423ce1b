import ClusterModel

/// The rules by which a node's own IP stack takes nothing from its networks' devices, and sends nothing there: guests
/// reach each other through the node, and never the node itself.
///
/// Without them a bridge is a device of the node like any other: its kernel answers ARP requests for the node's
/// addresses there, takes datagrams to them (one to the VXLAN port reaches any network), and routes where
/// `ip_forward` is on. They match by name, so that they hold from the moment in which a device is made;
/// ``StackSettings`` is the same for each device.
///
/// They also let the node take VXLAN datagrams from other nodes only, where the underlay comes in: the kernel's VXLAN
/// socket listens on every address of the node and takes what anybody sends.
///
/// They are not in prerouting: where `br_netfilter` is loaded, frames that a bridge only forwards pass there, and in
/// `forward` with the bridge on both sides.
enum HostFirewall {
    private static let devices = [
        BridgeName.prefix, TunnelName.prefix, GatewayVethName.prefix, ExternalVethName.prefix,
    ]

    /// The part of the gate's batch that replaces these tables.
    static func script(_ access: UnderlayAccess) -> String {
        """
        table inet \(GateTable.name)
        delete table inet \(GateTable.name)
        table inet \(GateTable.name) {
        \(set("nodes", access.nodes))
        \(set("local", access.local))
          chain input {
            type filter hook input priority -400; policy accept;
            \(DeviceRules.each(devices, .from, "counter drop"))
            udp dport \(UnderlayAccess.port) jump tunnels
          }
          chain tunnels {
            \(underlay(access)) ip saddr @nodes accept
            counter drop
          }
          chain forward {
            type filter hook forward priority -400; policy accept;
            iifname "\(BridgeName.prefix)*" oifname "\(BridgeName.prefix)*" accept
            \(DeviceRules.each(devices, .from, "counter drop"))
            \(DeviceRules.each(devices, .to, "counter drop"))
          }
        }
        table arp \(GateTable.name)
        delete table arp \(GateTable.name)
        table arp \(GateTable.name) {
          chain input {
            type filter hook input priority -400; policy accept;
            \(DeviceRules.each(devices, .from, "counter drop"))
          }
        }

        """
    }

    /// The condition that a packet came in where the underlay address is.
    private static func underlay(_ access: UnderlayAccess) -> String {
        access.interface.map { "iifname \"\($0)\"" } ?? "ip daddr @local fib daddr . iif type local"
    }

    /// Without intervals, for the reason of ``DeviceRules``.
    private static func set(_ name: String, _ addresses: Set<IPv4Address>) -> String {
        let elements = addresses.sorted().map(\.description).joined(separator: ", ")
        return """
              set \(name) {
                type ipv4_addr
                \(elements.isEmpty ? "" : "elements = { \(elements) }")
              }
            """
    }
}
