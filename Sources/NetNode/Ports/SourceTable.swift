import ClusterModel

/// The table of nftables by which the bridge of a network without port security learns a bounded number of addresses.
///
/// There a guest may send from whatever address it likes, and each would be a row in the bridges of all nodes: 14,000
/// a second were seen, and reads of tables with 277,000 rows that took seconds. With port security nothing is learned
/// from guests' ports.
///
/// A table of its own: what the kernel has counted here is lost when the table is made anew, so that happens only when
/// something changes for these networks, and not with each guest of a node.
enum SourceTable {
    static let name = BridgeTableName.sources
    /// The map of the ports that have a bound.
    private static let ports = "ports"
    static let fixedSets = [ports]

    /// The longest list of a network's addresses.
    enum Most {
        /// From the ports of one node, without the addresses of interfaces, which pass in any case.
        ///
        /// A hypervisor has far fewer guests, also with guests inside of guests.
        static let near = 4096
        /// From all other nodes: those of four that are at their bound.
        static let far = 16_384
    }

    /// The time for which an address counts after its last frame: as long as a bridge remembers it.
    private static let memory = "300s"

    /// The batch that makes the table anew in one transaction, whatever is there.
    ///
    /// - Parameters:
    ///   - networks: the rules of all networks of the node; those with port security are in no rule.
    ///   - counts: of the counters, which go on from there.
    /// - Returns: What `nft -f -` reads.
    static func script(_ networks: some Collection<PortRules>, _ counts: [String: TrafficCount]) -> String {
        let open = networks.filter(\.isOpen).sorted { $0.vni < $1.vni }
        let elements = open.flatMap { network in
            network.openPorts.map { "\"\($0)\" : goto near_\(network.vni)" }
                + ["\"\(TunnelName(network.vni))\" : goto far_\(network.vni)"]
        }
        let map = elements.isEmpty ? "" : "elements = { \(elements.joined(separator: ", ")) }"
        return """
            table bridge \(name.rawValue)
            delete table bridge \(name.rawValue)
            table bridge \(name.rawValue) {
              \(open.map { parts(of: $0, counts) }.joined(separator: "\n  "))
              map \(ports) {
                type ifname : verdict
                \(map)
              }
              chain prerouting {
                type filter hook prerouting priority -260; policy accept;
                iifname vmap @\(ports)
              }
            }

            """
    }

    private static func parts(of network: PortRules, _ counts: [String: TrafficCount]) -> String {
        let (vni, dropped) = (network.vni, DropReason.sourceLimit.counter(of: network.vni))
        let members = network.members.map(\.description).joined(separator: ", ")
        return """
            \(PortTable.counter(dropped, counts))
              set members_\(vni) {
                typeof ether saddr
                \(members.isEmpty ? "" : "elements = { \(members) }")
              }
              \(seen("seen_near_\(vni)", Most.near))
              \(seen("seen_far_\(vni)", Most.far))
              chain near_\(vni) {
                ether saddr @members_\(vni) accept
                update @seen_near_\(vni) { ether saddr } accept
                counter name \(dropped) drop
              }
              chain far_\(vni) {
                update @seen_far_\(vni) { ether saddr } accept
                counter name \(dropped) drop
              }
            """
    }

    private static func seen(_ name: String, _ most: Int) -> String {
        "set \(name) { typeof ether saddr; flags dynamic, timeout; timeout \(memory); size \(most); }"
    }
}
