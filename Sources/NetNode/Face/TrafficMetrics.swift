import ClusterModel
import DaemonFace
import Exposition
import Synchronization

/// The metrics of each network's traffic on a node, and of the frames that its rules have dropped.
package enum TrafficMetrics {
    /// The networks that have series of their own, by VNI; all others are counted as `other`, so that the page stays
    /// below a megabyte.
    static let mostNetworks = 512

    /// Reads what there is now; where the kernel's counters cannot be read there is nothing, and the rest of the page
    /// is shown all the same.
    static func families(_ networks: NodeNetworks, _ errors: SharedErrors) async -> [MetricFamily] {
        do {
            let drops = try await networks.ports.drops()
            errors.resolved()
            return families(networks.known.withLock { $0.names }, networks.traffic.withLock { $0.totals }, drops)
        } catch {
            errors.report("the networks' traffic cannot be read: \(error)")
            return []
        }
    }

    /// Returns the metrics of some networks.
    package static func families(
        _ names: [VNI: NetworkName],
        _ traffic: [NetworkTraffic.Key: DeviceTraffic],
        _ drops: [VNI: [DropReason: TrafficCount]]
    ) -> [MetricFamily] {
        let all = names.sorted { $0.key < $1.key }
        var groups = all.prefix(mostNetworks).map { ("\($0.value)", [$0.key]) }
        if all.count > mostNetworks { groups.append(("other", all.dropFirst(mostNetworks).map(\.key))) }
        var octets: [MetricFamily.Sample] = []
        var frames: [MetricFamily.Sample] = []
        var dropped: [MetricFamily.Sample] = []
        for (name, vnis) in groups {
            for place in NetworkTraffic.Place.allCases {
                let total = vnis.compactMap { traffic[.init($0, place)] }.reduce(DeviceTraffic(), +)
                for (direction, count) in [("in", total.received), ("out", total.sent)] {
                    let labels: MetricLabels = ["network": name, "port": place.rawValue, "direction": direction]
                    octets.append(.init(labels, Double(count.bytes)))
                    frames.append(.init(labels, Double(count.packets)))
                }
            }
            for reason in DropReason.allCases {
                let count = vnis.compactMap { drops[$0]?[reason] }.reduce(TrafficCount(), +)
                dropped.append(.init(["network": name, "reason": reason.rawValue], Double(count.packets)))
            }
        }
        return [bytes.family(octets), packets.family(frames), droppedPackets.family(dropped)]
    }

    // MARK: Definitions

    /// The metrics of traffic.
    package static let metrics = [bytes, packets, droppedPackets]

    private static let bytes = MetricDefinition(
        "clusterops_network_bytes_total",
        .counter,
        labels: ["network", "port", "direction"],
        help: "Bytes that came in from and went out to a network's guests, other nodes and gateway on this node."
    )
    private static let packets = MetricDefinition(
        "clusterops_network_packets_total",
        .counter,
        labels: ["network", "port", "direction"],
        help: "Packets, counted as the bytes are."
    )
    private static let droppedPackets = MetricDefinition(
        "clusterops_network_dropped_packets_total",
        .counter,
        labels: ["network", "reason"],
        help: "Packets of guests that were dropped by port security, a rate limit or the limit of source addresses."
    )
}
