import ClusterOpsTestKit
import Foundation
import Testing

extension NamespaceTests {
    /// The gate under the hands of others, on nodes that run: the elected one must be heard, the other one must not.
    @Suite(.serialized) struct GateDriftTests {
        @Test func `whatever is done to the rules is undone at once, open on the elected node and closed on the other`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                for index in 0..<2 {
                    try await nodes.start(index, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"])
                }
                let leader = try await nodes.elected()
                let other = 1 - leader
                @Sendable func rules(_ index: Int, _ line: String = "nft list ruleset") async throws -> String {
                    try await world.underlay.run(line, in: world.hosts[index].namespace)
                }
                // Without elements, counters and handles: what is made anew is the same again.
                @Sendable func shape(_ index: Int) async throws -> String {
                    var tables = ""
                    for family in ["bridge", "inet", "arp"] {
                        // One that was deleted has no shape.
                        tables += (try? await rules(index, "nft --stateless list table \(family) coplane")) ?? ""
                    }
                    return tables.replacing(/elements = \{[^}]*\}/, with: "").replacing(/\s+/, with: " ")
                }
                let opening = "nft list set bridge coplane live"
                try await eventually("the gate is open") { try await rules(leader, opening).contains("expires") }
                let whole = try await shape(other)
                #expect(whole.contains("policy accept") && whole.contains("drop"))
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest) != nil)
                let damages = [
                    "nft flush ruleset", "nft delete table bridge coplane", "nft flush chain bridge coplane gated",
                    "nft flush set bridge coplane live", "nft insert rule bridge coplane prerouting accept",
                    "nft delete table inet coplane", "nft delete table arp coplane",
                    "nft flush chain inet coplane input", "nft insert rule inet coplane forward accept",
                    "nft insert rule arp coplane input accept",
                ]
                for damage in damages {
                    for index in [other, leader] {
                        let start = ContinuousClock.now
                        _ = try await rules(index, damage)
                        try await eventually("\(damage) on \(index)", within: .seconds(4)) {
                            guard try await shape(index) == whole else { return false }
                            let isOpen = (try? await rules(index, opening))?.contains("expires")
                            return isOpen == (index == leader)
                        }
                        print(
                            "drift: \(damage), \(index == leader ? "open" : "closed"): \(ContinuousClock.now - start)"
                        )
                    }
                }
                // Somebody opens the gate of a node that is not elected, for good; or shuts that of the elected one by
                // and by.
                _ = try await rules(other, "nft add element bridge coplane live { 4711 }")
                try await eventually("shut again", within: .seconds(4)) {
                    try await !rules(other).contains("elements = { 4711")
                }
                _ = try await rules(leader, "nft flush set bridge coplane live")
                _ = try await rules(leader, "nft add element bridge coplane live { 4711 timeout 100ms }")
                try await eventually("expired, and opened again", within: .seconds(4)) {
                    try await rules(leader, opening).contains("expires")
                }
                #expect(try await world.underlay.lease(of: guest) != nil)
                #expect(try await nodes.leader() == leader)
                #expect(try await nodes.term() == 1)
            }
        }
    }
}
