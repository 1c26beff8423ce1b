import ClusterOpsTestKit
import DaemonFace
import Exposition
import Foundation
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    /// What real `netnode` processes show by HTTP.
    @Suite(.serialized) struct FaceTests {
        private static let shown = [
            "CLUSTEROPS_HTTP_NETNODE": "127.0.0.1:9472", "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s",
        ]

        /// The page of a host, nil when it does not answer, or not with 200.
        private func get(_ path: String, of index: Int, _ nodes: NetNodes) async throws -> String? {
            let line = "busybox wget -q -O - http://127.0.0.1:9472/\(path)"
            return try? await nodes.world.underlay.run(line, in: nodes.world.hosts[index].namespace)
        }

        private func metrics(of index: Int, _ nodes: NetNodes) async throws -> MetricsPage {
            try MetricsPage(try #require(try await get("metrics", of: index, nodes)))
        }

        @Test func `leader and follower are ready, and metrics tell them apart and what was repaired`() async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                for index in 0..<2 { try await nodes.start(index, environment: Self.shown) }
                let leader = try await nodes.elected()
                for index in 0..<2 {
                    try await eventually("h\(index + 1) is ready") {
                        try await get("readyz", of: index, nodes) != nil
                    }
                    let page = try #require(try await get("readyz", of: index, nodes))
                    let gate =
                        index == leader ? "open under term \(try await nodes.term())" : "closed: this node is not"
                    #expect(page.contains(gate), "\(page)")
                }
                let leading = try await metrics(of: leader, nodes)
                #expect(leading["clusterops_leader"] == 1)
                #expect(leading["clusterops_leader_term"] == Double(try await nodes.term()))
                let margin = try #require(leading["clusterops_leader_lease_margin_seconds"])
                #expect(margin > 0 && margin <= nodes.timing.fence / .seconds(1))
                #expect(leading["clusterops_dnsmasq_changes_total{change=\"started\"}"] == 1)
                #expect(try #require(leading["clusterops_maintenance_pass_seconds_count{outcome=\"succeeded\"}"]) > 0)
                #expect(leading["clusterops_queue_operations{queue=\"networknode-background\",state=\"queued\"}"] == 0)
                let defined = Set((DaemonFace.metrics + NetworkMetrics.metrics).map(\.name))
                #expect(Set(leading.types.keys).subtracting(defined) == [])
                let following = try await metrics(of: 1 - leader, nodes)
                #expect(following["clusterops_leader"] == 0 && following["clusterops_leader_term"] == 0)
                #expect(
                    following["clusterops_queue_operations{queue=\"networknode-background\",state=\"queued\"}"] == nil
                )

                let before = leading["clusterops_drift_repaired_total"] ?? 0
                try await world.underlay.run("ip link del dev cobr100", in: world.hosts[leader].namespace)
                try await eventually("the repair is counted") {
                    try await metrics(of: leader, nodes)["clusterops_drift_repaired_total"] ?? 0 > before
                }
                // A guest that is added is a reload, and no restart.
                try await world.want(12, in: blue, on: 0)
                try await eventually("the reload is counted") {
                    try await metrics(of: leader, nodes)["clusterops_dnsmasq_changes_total{change=\"reloaded\"}"] ?? 0
                        > 0
                }
                #expect(
                    try await metrics(of: leader, nodes)["clusterops_dnsmasq_changes_total{change=\"restarted\"}"] == 0
                )
            }
        }
    }
}
