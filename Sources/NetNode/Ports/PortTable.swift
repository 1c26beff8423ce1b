import ClusterModel

/// The table of nftables by which only frames with a guest's own addresses leave its port, and by which nothing passes
/// from or to a port that is not known.
///
/// In `forward` every frame between two ports goes by. One of the two is nearly always one of ours or a guest's, by
/// name: so a port that is in no set is closed from the moment in which it is plugged in, whatever its bridge, without
/// that anything had to be told of it. (The bridge of a frame cannot be asked for on every kernel: `meta ibrname` is a
/// module of its own.)
///
/// In `prerouting`, before the bridge learns an address, a guest's frames are compared with what the guest may send.
/// All that is not named there is dropped: IPv6, VLAN tags, frames of LLC. See docs/decisions/port-security.md.
enum PortTable {
    static let name = BridgeTableName.ports
    private static let (refusals, limits) = ("refusals", "limits")
    static let fixedSets = ["open", "guests", "stations", "sources", "gateways", "clients", refusals, limits]

    /// Bounds on what one port may send in a second: far above what an honest guest sends, far below what would take
    /// the time of others.
    ///
    /// A guest that starts asks some ten times by ARP and DHCP. 300 ARP requests a second starved the neighbour table
    /// of the gateways when each had another sender, which is not let through any more; what is left is the kernel's
    /// time for the answers. A frame to all, or to an address from which nothing has come, is copied to every node.
    private enum Most {
        static let arp = 100
        static let dhcp = 25
        static let flooded = 2000
    }

    /// The longest time for which an address counts as heard: as long as a bridge remembers it.
    private static let hearing = "300s"

    /// The batch that makes the table anew in one transaction, whatever is there.
    ///
    /// - Parameters:
    ///   - networks: what is known of all networks of the node.
    ///   - counts: of the counters, which go on from there.
    /// - Returns: What `nft -f -` reads.
    static func script(_ networks: some Collection<PortRules>, _ counts: [String: TrafficCount]) -> String {
        let networks = networks.sorted { $0.vni < $1.vni }
        let ports = networks.flatMap { network in network.ports.map { (network, $0) } }
        func own(of network: PortRules) -> [String] {
            [TunnelName(network.vni).description, "\(GatewayVethName(network.vni))"]
        }
        let open = networks.filter(\.isOpen).flatMap(own)
        let secured = networks.filter { !$0.isOpen }
        let counters = secured.flatMap { network in
            [DropReason.portSecurity, .rateLimit].map { counter($0.counter(of: network.vni), counts) }
        }
        let refused = secured.flatMap { network in
            (own(of: network) + network.ports.map(\.device.description)).map { device in
                "\(quoted(device)) : \(quoted(DropReason.portSecurity.counter(of: network.vni)))"
            }
        }
        let limited = ports.map { network, port in
            "\(quoted(port.device)) : \(quoted(DropReason.rateLimit.counter(of: network.vni)))"
        }
        let ours = [TunnelName.prefix, GatewayVethName.prefix]
        return """
            table bridge \(name.rawValue)
            delete table bridge \(name.rawValue)
            table bridge \(name.rawValue) {
              \(counters.joined(separator: "\n  "))
              map \(refusals) {
                type ifname : counter
                \(elements(refused))
              }
              map \(limits) {
                type ifname : counter
                \(elements(limited))
              }
              set open {
                type ifname
                \(elements(open.map(quoted)))
              }
              set guests {
                type ifname
                \(elements(ports.map { quoted($1.device) }))
              }
              set stations {
                typeof iifname . ether saddr
                \(elements(ports.map { "\(quoted($1.device)) . \($1.mac)" }))
              }
              set sources {
                typeof iifname . ip saddr
                \(elements(ports.flatMap { _, port in
                    port.sources.filter(\.isOneAddress).map { "\(quoted(port.device)) . \($0.network)" }
                }))
              }
              set gateways {
                typeof iifname . ip saddr
                \(elements(ports.compactMap { network, port in
                    network.gateway.map { "\(quoted(port.device)) . \($0)" }
                }))
              }
              set clients {
                typeof iifname . @th,256,80
                \(elements(ports.map { "\(quoted($1.device)) . \(client($1.mac))" }))
              }
              set heard {
                typeof ether saddr
                flags dynamic, timeout
                timeout \(hearing)
                size 65535
              }
              \(meter("arp_rate"))
              \(meter("dhcp_rate"))
              \(meter("group_rate"))
              \(meter("unknown_rate"))
              chain forward {
                type filter hook forward priority -250; policy accept;
                iifname @open accept
                oifname @open accept
                iifname @guests jump to_known
                \(DeviceRules.each(ours, .from, "jump to_known"))
                oifname @guests goto refused_to
                \(DeviceRules.each(ours, .to, "goto refused_to"))
              }
              chain to_known {
                oifname @guests accept
                \(DeviceRules.each(ours, .to, "accept"))
                goto refused
              }
              chain refused {
                counter name iifname map @\(refusals)
                drop
              }
              chain refused_to {
                counter name oifname map @\(refusals)
                drop
              }
              chain limited {
                counter name iifname map @\(limits)
                drop
              }
              chain prerouting {
                type filter hook prerouting priority -250; policy accept;
                iifname @guests jump guest
                iifname @open accept
                \(DeviceRules.each(ours, .from, "update @heard { ether saddr }"))
              }
              chain guest {
                iifname . ether saddr != @stations goto refused
                ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 jump to_one
                ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 \(over("group_rate", Most.flooded))
                update @heard { ether saddr }
                ether type arp goto arp_of_guest
                ether type ip goto ip_of_guest
                goto refused
              }
              chain to_one {
                ether daddr != @heard \(over("unknown_rate", Most.flooded))
              }
              chain arp_of_guest {
                \(over("arp_rate", Most.arp))
                arp htype 1 arp ptype 0x0800 arp hlen 6 arp plen 4 \
                iifname . arp saddr ether @stations jump arp_of_station
                goto refused
              }
              chain arp_of_station {
                iifname . arp saddr ip @gateways goto refused
                iifname . arp saddr ip @sources accept
                \(ranges(of: ports.map(\.1), "arp saddr ip"))
                arp operation request arp saddr ip 0.0.0.0 accept
              }
              chain ip_of_guest {
                udp sport 67 goto refused
                udp dport 68 goto refused
                udp dport 67 goto dhcp_of_guest
                iifname . ip saddr @gateways goto refused
                iifname . ip saddr @sources accept
                \(ranges(of: ports.map(\.1), "ip saddr"))
                goto refused
              }
              chain dhcp_of_guest {
                \(over("dhcp_rate", Most.dhcp))
                udp sport 68 @th,64,24 0x010106 iifname . @th,256,80 @clients jump dhcp_of_client
                goto refused
              }
              chain dhcp_of_client {
                ip saddr 0.0.0.0 accept
                iifname . ip saddr @gateways goto refused
                iifname . ip saddr @sources accept
                \(ranges(of: ports.map(\.1), "ip saddr"))
              }
            }

            """
    }

    /// The declaration of a counter.
    static func counter(_ name: String, _ counts: [String: TrafficCount]) -> String {
        let count = counts[name] ?? TrafficCount()
        return "counter \(name) { packets \(count.packets) bytes \(count.bytes) }"
    }

    private static func quoted(_ name: some CustomStringConvertible) -> String { "\"\(name)\"" }

    /// The octets of a DHCP message from the relay's address, which a client leaves empty, to the client's own.
    private static func client(_ mac: MACAddress) -> String {
        "0x" + String(repeating: "0", count: 8) + mac.description.filter { $0 != ":" }
    }

    /// The rules for sources that are ranges, which few ports have.
    ///
    /// Not elements of a set, for the reason of ``DeviceRules``.
    private static func ranges(of ports: [PortRules.Port], _ field: String) -> String {
        ports.flatMap { port in
            port.sources.filter { !$0.isOneAddress }.map { "iifname \(quoted(port.device)) \(field) \($0) accept" }
        }
        .joined(separator: "\n    ")
    }

    /// An empty list of elements is none for `nft`.
    private static func elements(_ list: [String]) -> String {
        list.isEmpty ? "" : "elements = { \(list.joined(separator: ", ")) }"
    }

    /// A set in which the kernel counts by port.
    private static func meter(_ name: String) -> String {
        "set \(name) { typeof iifname; flags dynamic; size 4096; }"
    }

    private static func over(_ meter: String, _ rate: Int) -> String {
        "update @\(meter) { iifname limit rate over \(rate)/second burst \(rate) packets } goto limited"
    }
}
