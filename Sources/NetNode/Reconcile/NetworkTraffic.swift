import ClusterModel

/// The traffic of each network on a node, added up over devices that come and go; pure.
package struct NetworkTraffic: Sendable, Hashable {
    /// The ports of a network's bridge, by what is behind them.
    package enum Place: String, Sendable, CaseIterable {
        /// The guests of this node.
        case guests
        /// The other nodes.
        case nodes
        /// The network's namespace on this node.
        case gateway
    }

    package struct Key: Sendable, Hashable {
        package let vni: VNI
        package let place: Place

        package init(_ vni: VNI, _ place: Place) { (self.vni, self.place) = (vni, place) }

        /// The place in which a device's traffic counts; nil for one that is no port of a network.
        init?(_ link: Link) {
            if let tunnel = TunnelName(deviceName: link.name) {
                self.init(tunnel.vni, .nodes)
            } else if let veth = GatewayVethName(deviceName: link.name) {
                self.init(veth.vni, .gateway)
            } else if let bridge = link.master.flatMap({ BridgeName(deviceName: $0) }) {
                self.init(bridge.vni, .guests)
            } else {
                return nil
            }
        }
    }

    /// The traffic since this process began to count, or a device was made: `received` has come into the network there,
    /// `sent` has left it.
    package private(set) var totals: [Key: DeviceTraffic] = [:]
    /// The counts of each device, by its number, when they were last read.
    private var last: [Int: DeviceTraffic] = [:]

    package init() {}

    /// Adds what has been counted since the last survey; of a device that is gone, what it had counted until then.
    mutating func note(_ survey: HostSurvey) {
        var seen: [Int: DeviceTraffic] = [:]
        for link in survey.links.values {
            guard let key = Key(link), let count = survey.traffic[link.index] else { continue }
            seen[link.index] = count
            let news = count.since(last[link.index] ?? DeviceTraffic())
            totals[key] = (totals[key] ?? DeviceTraffic()) + news
        }
        last = seen
    }

    /// Forgets a network that was removed: another one with its VNI begins at zero.
    mutating func forget(_ vni: VNI) { totals = totals.filter { $0.key.vni != vni } }
}
