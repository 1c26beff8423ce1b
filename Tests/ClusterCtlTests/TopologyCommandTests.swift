import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

@Suite struct TopologyCommandTests {
    private let interface = [
        "interface", "add", "blue", "--node", "h2", "--mac", "52-54-00-00-00-0A", "--address", "10.1.0.5", "--hostname",
        "Web1", "--allow-address", "10.1.0.200", "--allow-address", "192.168.0.0/16",
    ]

    /// h1 may be elected, h2 and h3 host guests; nothing is enqueued for them.
    private func addNodes(_ cluster: TestCluster) async throws {
        for arguments in [
            ["h1", "--underlay", "192.0.2.1", "--role", "network"], ["h2", "--underlay", "192.0.2.2"],
            ["h3", "--underlay", "192.0.2.3", "--role", "hypervisor"],
        ] {
            _ = try await cluster.example(of: ChangedView<NodeView>.self, "node-add", ["node", "add"] + arguments)
        }
    }

    @Test func `every verb of nodes, networks and interfaces answers as its example says`() async throws {
        try await withCluster { cluster in
            try await addNodes(cluster)
            try await cluster.addSession(on: "h1", leaseSeconds: 60)
            let network = try await cluster.example(
                of: ChangedView<NetworkView>.self,
                "network-add",
                ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24", "--domain", "Ex.ample", "--no-dns"]
            )
            #expect(network.object.serverAddress?.description == "10.1.0.1" && network.object.mtu.rawValue == 1450)
            #expect(network.object.domain?.description == "ex.ample" && network.object.dhcp && !network.object.dns)
            let added = try await cluster.example(of: ChangedView<InterfaceView>.self, "interface-add", interface)
            #expect(added.object.mac.description == "52:54:00:00:00:0a" && added.object.hostname.description == "web1")
            #expect(added.object.allowedAddresses.map(\.description) == ["10.1.0.200/32", "192.168.0.0/16"])
            #expect(network.object.portSecurity)
            try await cluster.record("mesh", of: "blue", by: "h1", generation: 2, term: 1)
            try await cluster.execute(
                """
                INSERT INTO network_problems (network, node, what, since, message)
                SELECT w.id, n.id, 'mesh', NOW(6), 'down' FROM networks AS w, nodes AS n WHERE n.name = 'h1'
                """
            )
            let id = "\(added.object.uuid)"
            let node = try await cluster.example(
                of: NodeView.self,
                "node-show",
                ["node", "show", "h1"],
                alsoAsTable: true
            )
            #expect(node.sessions.count == 1 && node.lastSeen != nil && node.roles == [.network])
            let shown = try await cluster.example(
                of: NetworkView.self,
                "network-show",
                ["network", "show", "blue"],
                alsoAsTable: true
            )
            #expect(shown.applied.count == 1 && shown.problems.count == 1 && shown.wantedGeneration == 2)
            _ = try await cluster.example(
                of: InterfaceView.self,
                "interface-show",
                ["interface", "show", id],
                alsoAsTable: true
            )
            let nodes = try await cluster.example(
                of: ListView<NodeView>.self,
                "node-list",
                ["node", "list"],
                alsoAsTable: true
            )
            #expect(nodes.items.map(\.name.description) == ["h1", "h2", "h3"])
            _ = try await cluster.example(
                of: ListView<NetworkView>.self,
                "network-list",
                ["network", "list"],
                alsoAsTable: true
            )
            for (filter, count) in [([], 1), (["--network", "blue", "--node", "h2"], 1), (["--node", "h3"], 0)] {
                let list = try await cluster.example(
                    of: ListView<InterfaceView>.self,
                    "interface-list",
                    ["interface", "list"] + filter,
                    alsoAsTable: count > 0
                )
                #expect(list.items.count == count)
            }
            for (verb, state) in [("drain", NodeState.draining), ("undrain", .active)] {
                let node = try await cluster.example(
                    of: ChangedView<NodeView>.self,
                    "node-\(verb)",
                    ["node", verb, "h2"],
                    alsoAsTable: true
                )
                #expect(node.object.state == state && node.operations.isEmpty)
            }
            _ = try await cluster.example(
                of: ChangedView<NetworkView>.self,
                "network-reconcile",
                ["network", "reconcile", "blue"]
            )
            _ = try await cluster.example(
                of: ChangedView<InterfaceView>.self,
                "interface-remove",
                ["interface", "remove", id, "--yes"]
            )
            _ = try await cluster.example(
                of: ChangedView<NetworkView>.self,
                "network-remove",
                ["network", "remove", "blue", "--yes"]
            )
            _ = try await cluster.example(
                of: ChangedView<NodeView>.self,
                "node-remove",
                ["node", "remove", "h2", "--yes"]
            )
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM applied_state") == 0)
        }
    }

    @Test func `a change enqueues what it takes, once for each task, network and node, and bumps the generation`()
        async throws
    {
        try await withCluster { cluster in
            try await addNodes(cluster)
            #expect(try await cluster.work() == [])
            func change(_ arguments: [String]) async throws -> (operations: [OperationID], work: [String]) {
                try await cluster.execute("DELETE FROM work_queue")
                struct Changed: Decodable { let operations: [OperationID] }
                let run = try await ClusterCtlProgram.run(arguments + ["-o", "json"], on: cluster.configuration)
                try #require(run.status == 0, "\(arguments): \(run.talk)")
                let changed = try JSONDecoder().decode(Changed.self, from: Data(run.output.utf8))
                let work = try await cluster.work()
                #expect(changed.operations.count == work.count, "\(arguments)")
                return (changed.operations, work)
            }
            func generation() async throws -> Int { try await cluster.count("SELECT generation FROM networks") }

            let add = ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24"]
            let added = ["network_apply_create_network_node blue", "network_ensure_mesh blue h1"]
            #expect(try await change(add).work == added)
            #expect(
                try await change(interface).work == [
                    "network_apply_update_dnsmasq blue", "network_ensure_mesh blue h1", "network_ensure_mesh blue h2",
                ]
            )
            #expect(try await generation() == 2)
            let second = try await change([
                "interface", "add", "blue", "--node", "h3", "--mac", "52:54:00:00:00:0b", "--address", "10.1.0.6",
                "--hostname", "web2", "--no-apply",
            ])
            #expect(second.work == [])
            #expect(try await generation() == 3)
            #expect(
                try await change(["network", "reconcile", "blue"]).work == [
                    "network_apply_update_dnsmasq blue", "network_ensure_mesh blue h1", "network_ensure_mesh blue h2",
                    "network_ensure_mesh blue h3",
                ]
            )
            #expect(try await generation() == 3)

            // A node that may be elected joins every network's flood lists.
            let elect = ["node", "add", "h4", "--underlay", "192.0.2.4", "--role", "network", "--role", "hypervisor"]
            let everywhere = (1...4).map { "network_ensure_mesh blue h\($0)" }
            #expect(try await change(elect).work == ["network_apply_update_dnsmasq blue"] + everywhere)
            #expect(try await generation() == 4)
            #expect(try await change(["node", "remove", "h4", "--yes"]).work.count == 4)
            #expect(try await generation() == 5)

            let list = try await cluster.answer(ListView<InterfaceView>.self, "interface", "list", "--node", "h3")
            let id = try #require(list.items.first?.uuid)
            let removed = try await change(["interface", "remove", "\(id)", "--yes"])
            #expect(
                removed.work == [
                    "network_apply_update_dnsmasq blue", "network_ensure_mesh blue h1", "network_ensure_mesh blue h2",
                    "network_ensure_mesh blue h3", "network_remove_dhcp_lease blue",
                ]
            )
            let parameters = try await cluster.database.withSession { session in
                try session.query("SELECT parameters FROM work_queue WHERE parameters IS NOT NULL")
                    .map { try $0.only(String.self) }
            }
            #expect(parameters == [#"{"address":"10.1.0.6","mac":"52:54:00:00:00:0b"}"#])
        }
    }

    @Test func `a removed network's operations keep its name, and go to the nodes that hold something of it`()
        async throws
    {
        try await withCluster { cluster in
            try await addNodes(cluster)
            let add = ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24", "--no-apply"]
            _ = try await cluster.example(of: ChangedView<NetworkView>.self, "network-add", add)
            try await cluster.record("mesh", of: "blue", by: "h1", generation: 1, term: 1)
            let removed = try await cluster.example(
                of: ChangedView<NetworkView>.self,
                "network-remove",
                ["network", "remove", "blue", "--yes"]
            )
            #expect(removed.operations.count == 2)
            let naming = try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE parameters = '{\"vni\":100}'")
            #expect(naming == 2, "the row is gone, so the operations name what the nodes have to look for")
            #expect(
                try await cluster.work() == [
                    "network_apply_delete_hypervisor blue h1",
                    "network_apply_remove_dnsmasq network_apply_delete_network_node blue",
                ]
            )
            let view = try await cluster.answer(
                OperationView.self,
                "op",
                "show",
                "\(try #require(removed.operations.first))"
            )
            #expect(view.network?.description == "blue")
        }
    }

    @Test func `network wait ends when every expected part has reached the wanted generation`() async throws {
        try await withCluster { cluster in
            try await addNodes(cluster)
            let add = ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24", "--no-apply"]
            _ = try await cluster.example(of: ChangedView<NetworkView>.self, "network-add", add)
            let late = try await cluster.clusterctl("network", "wait", "blue", "--timeout", "50ms", "-o", "json")
            #expect(late.status == 6 && late.talk.contains("blue"))
            #expect(try Golden("network-wait").differences(from: late.output) == [])

            async let waiting = cluster.clusterctl("network", "wait", "blue", "--timeout", "60s", "-o", "json")
            try await cluster.record("mesh", of: "blue", by: "h1", generation: 1, term: 1)
            try await cluster.elect("h1", term: 1)
            try await cluster.record("dnsmasq", of: "blue", by: "h1", generation: 1, term: 1)
            let converged = try await waiting
            #expect(converged.status == 0, "\(converged.talk)")
            let view = try JSONDecoder().decode(NetworkView.self, from: Data(converged.output.utf8))
            #expect(view.converged)
            let unknown = try await cluster.clusterctl("network", "wait", "red")
            #expect(unknown.status == 3 && unknown.talk.contains("red"))
        }
    }

    @Test func `the leader is who holds an unexpired lease`() async throws {
        try await withCluster { cluster in
            func leader() async throws -> LeaderDetailView {
                try await cluster.example("leader-show", ["leader", "show"], alsoAsTable: true)
            }
            let none = try await leader()
            #expect(none.holder == nil && none.term == 0 && none.expiresInSeconds == nil)
            try await cluster.elect("h1", term: 3)
            let held = try await leader()
            #expect(held.holder?.description == "h1" && held.term == 3)
            #expect(held.expiresInSeconds.map { $0 > 0 && $0 <= 60 } == true)
            #expect(held.witnesses == nil && held.outageSeconds == nil)
            let nodes = [try await cluster.addNode("h1"), try await cluster.addNode("h2")]
            let names = nodes.map(\.description).joined(separator: " ")
            try await cluster.execute(
                "UPDATE leases SET witnesses = \(names), outage_microseconds = 300000000, witness_list = 1"
            )
            let covered = try await leader()
            #expect(covered.witnesses?.map(\.description) == ["h2"] && covered.outageSeconds == 300)
            try await cluster.execute("UPDATE leases SET renewed_at = NOW(6) - INTERVAL 9 SECOND, expires_at = NOW(6)")
            let expired = try await leader()
            #expect(expired.holder == nil && expired.term == 3 && expired.expiresInSeconds == nil)
            #expect(expired.witnesses == nil)
        }
    }

    @Test func `who is asked to resign is named with who follows, and why it stays or is not heard of is said`()
        async throws
    {
        try await withCluster { cluster in
            let nobody = try await cluster.clusterctl("leader", "resign")
            #expect(nobody.status == 1 && nobody.talk.contains("nobody is elected") && nobody.output.isEmpty)
            try await cluster.elect("h1", term: 3)
            let waited = try await cluster.clusterctl("leader", "resign", "--timeout", "200ms")
            #expect(waited.status == 6 && waited.talk.contains("'h1'") && waited.talk.contains("withdrawn"))
            #expect(try await cluster.count("SELECT COUNT(*) FROM leases WHERE resignation IS NULL") == 1)

            func whenAsked(_ change: SQL) async throws -> ProgramRun {
                async let run = cluster.clusterctl("leader", "resign", "--timeout", "60s", "-o", "json")
                try await eventually("it is asked") {
                    try await cluster.count("SELECT COUNT(*) FROM leases WHERE resignation_term = term") == 1
                }
                try await cluster.execute(change)
                return try await run
            }
            for (refusal, words) in [("nobody_stands", "no other node"), ("nobody_ready", "ready in time")] {
                let refused = try await whenAsked(
                    """
                    UPDATE leases SET refused_resignation = resignation, refusal = \(refusal), resignation = NULL,
                        resignation_term = NULL
                    """
                )
                #expect(refused.status == 1 && refused.talk.contains("'h1' stays") && refused.talk.contains(words))
            }
            let followed = try await whenAsked(
                "UPDATE leases SET holder = UUID(), holder_node = 'h2', term = 4, serving_term = 4"
            )
            #expect(followed.status == 0, "\(followed.talk)")
            #expect(try Golden("leader-resign").differences(from: followed.output) == [])
            let change = try JSONDecoder().decode(LeaderChangeView.self, from: Data(followed.output.utf8))
            #expect(change.previousHolder.description == "h1" && change.holder.description == "h2" && change.term == 4)
            let again = try await whenAsked("UPDATE leases SET holder = UUID(), term = 5, serving_term = 5")
            #expect(again.status == 1 && again.talk.contains("elected again"))
        }
    }

    @Test func `of two who add the same at once one wins, and the other is told`() async throws {
        try await withCluster { cluster in
            try await addNodes(cluster)
            let adds = [
                (["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24"], "blue"),
                (["node", "add", "h9", "--underlay", "192.0.2.9"], "h9"), (interface, "taken"),
            ]
            for (arguments, word) in adds {
                let runs = try await withThrowingTaskGroup(of: ProgramRun.self) { group in
                    for _ in 0..<2 {
                        group.addTask { try await ClusterCtlProgram.run(arguments, on: cluster.configuration) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(runs.map(\.status).sorted() == [0, 4], "\(runs.map(\.talk))")
                #expect(runs.contains { $0.status == 4 && $0.talk.contains(word) }, "\(runs.map(\.talk))")
            }
        }
    }
}
