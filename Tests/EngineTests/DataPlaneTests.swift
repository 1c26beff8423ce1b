import ClusterOpsTestKit
import DatabaseTime
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What nodes report of the data plane, and what is read of it, on a real database.
@Suite(.timeLimit(.minutes(15))) struct DataPlaneReportTests {
    private struct World: Sendable {
        let cluster: TestCluster
        /// Those of `h1`, `h2` and so on.
        let ids: [NodeID]

        func path(
            _ from: Int,
            _ to: Int,
            _ state: PathFinding.State = .unreachable,
            size: Int? = nil,
            reason: String = "why"
        ) async throws {
            let (from, to) = (ids[from - 1], ids[to - 1])
            try await cluster.database.withTransaction { transaction in
                try DataPlaneStatements.recordPath(
                    from: from,
                    to: to,
                    state,
                    size: size,
                    reason: reason,
                    in: transaction
                )
            }
        }

        func check(_ node: Int, _ check: DataPlaneCheck, _ state: DataPlaneCheck.State) async throws {
            let id = ids[node - 1]
            try await cluster.database.withTransaction { transaction in
                try DataPlaneStatements.recordCheck(
                    check,
                    of: id,
                    state,
                    reason: state == .failed ? "why" : "",
                    in: transaction
                )
            }
        }

        func findings() async throws -> DataPlaneFindings {
            try await cluster.database.withSession { try DataPlaneStatements.findings(on: $0) }
        }

        func situation(of leader: String = "h1") async throws -> HandoverDecision.Situation {
            let name = try NodeName(leader)
            let found = try await cluster.database.withSession {
                try DataPlaneStatements.situation(of: ElectedLease.networkNode, leader: name, on: $0)
            }
            return try #require(found)
        }

        /// Pretends that a netnode of a node lives, or that it has died.
        func session(_ node: Int, lives: Bool = true) async throws {
            try await cluster.execute("DELETE FROM sessions WHERE node = \(ids[node - 1])")
            guard lives else { return }
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                VALUES (UUID(), 'netnode', \(ids[node - 1]), \("h\(node)"), 4711, 10000000, NOW(6), NOW(6),
                    NOW(6) + INTERVAL 600 SECOND)
                """
            )
        }
    }

    private func withWorld(nodes: Int, _ body: @Sendable (World) async throws -> Void) async throws {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for number in 1...nodes { ids.append(try await cluster.addNode("h\(number)")) }
            let world = World(cluster: cluster, ids: ids)
            for number in 1...nodes { try await world.session(number) }
            try await body(world)
        }
    }

    @Test func `a fault keeps since when it is one, whatever is said of it, until it becomes another one`() async throws
    {
        try await withWorld(nodes: 2) { world in
            try await world.path(1, 2)
            let first = try #require(try await world.findings().paths.first)
            try await world.path(1, 2, reason: "other words")
            let second = try #require(try await world.findings().paths.first)
            #expect(second.since == first.since && second.reason == "other words")
            try await world.path(1, 2, .limited, size: 1500)
            let third = try #require(try await world.findings().paths.first)
            #expect(third.since > first.since && third.size == 1500 && third.state == .limited)
            try await world.check(1, .bridgeFilter, .failed)
            let failed = try #require(try await world.findings().checks.first)
            try await world.check(1, .bridgeFilter, .failed)
            #expect(try await world.findings().checks == [failed])
            try await world.check(1, .bridgeFilter, .ok)
            #expect(try await world.findings().checks == [])
        }
    }

    @Test func `two that write the same fault at once leave one row, and a node that is gone none`() async throws {
        try await withWorld(nodes: 3) { world in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask { try await world.path(1 + number % 2, 3, reason: "\(number)") }
                    group.addTask { try await world.check(1, .underlayAddress, number % 2 == 0 ? .ok : .failed) }
                }
                try await group.waitForAll()
            }
            #expect(try await world.cluster.count("SELECT COUNT(*) FROM mesh_reachability") == 2)
            #expect(try await world.cluster.count("SELECT COUNT(*) FROM data_plane_checks") == 1)
            try await world.cluster.execute("DELETE FROM sessions WHERE node_name = 'h3'")
            try await world.cluster.execute("DELETE FROM nodes WHERE name = 'h3'")
            #expect(try await world.cluster.count("SELECT COUNT(*) FROM mesh_reachability") == 0)
            try await world.path(1, 3)
            #expect(try await world.cluster.count("SELECT COUNT(*) FROM mesh_reachability") == 0)
        }
    }

    @Test func `what a dead node has reported, and that a dead one is not reached, is no finding`() async throws {
        try await withWorld(nodes: 3) { world in
            try await world.path(1, 2)
            try await world.path(2, 3)
            try await world.check(2, .bridgeFilter, .failed)
            #expect(try await world.findings().paths.count == 2)
            try await world.session(2, lives: false)
            #expect(try await world.findings() == DataPlaneFindings())
            let situation = try await world.situation(of: "h3")
            #expect(situation.candidates.map(\.node.description) == ["h1"])
            #expect(situation.leader.unreachableFor == [], "the one that said so is dead")
        }
    }

    @Test func `a leader is judged by what living nodes of every role report of it, and by its own checks`()
        async throws
    {
        try await withWorld(nodes: 4) { world in
            try await world.cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name = 'h4'")
            try await world.cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h3'")
            for from in 2...4 { try await world.path(from, 1) }
            try await world.path(1, 2, .refused)
            try await world.path(4, 2, .limited, size: 1500)
            try await world.check(1, .externalBridge, .failed)
            try await world.check(2, .externalBridge, .ok)
            try await world.check(2, .bridgeFilter, .failed)
            let seen = try await world.situation()
            #expect(seen.leader.unreachableFor.map(\.description).sorted() == ["h2", "h3", "h4"])
            #expect(!seen.leader.isFaulty && seen.leader.externalBridge == .failed)
            #expect(seen.candidates.map(\.node.description) == ["h2"], "h3 is drained, h4 is no network node")
            #expect(seen.candidates[0].unreachableFor == [] && seen.candidates[0].isFaulty)
            #expect(seen.candidates[0].externalBridge == .ok)
            #expect(!seen.needsExternalBridge && seen.sinceLast == nil)
        }
    }

    @Test func `a leader's request of itself names one successor, and is remembered unless it was refused`()
        async throws
    {
        try await withWorld(nodes: 3) { world in
            let (cluster, lease) = (world.cluster, ElectedLease.networkNode)
            let me = LeaseCandidate(id: .new(), node: try NodeName("h1"))
            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES (\(lease), \(me.id), 'h1', 3, NOW(6), NOW(6) + INTERVAL 60 SECOND)
                """
            )
            func ask(_ request: ResignationID, term: UInt64 = 3) async throws -> Bool {
                let successor = try NodeName("h3")
                return try await cluster.database.withTransaction { transaction in
                    try DataPlaneStatements.askToResign(lease, term: term, to: successor, request, in: transaction)
                }
            }
            let (first, second) = (ResignationID.new(), ResignationID.new())
            #expect(try await ask(first, term: 2) == false, "that term is over")
            #expect(try await world.situation().sinceLast == nil)
            #expect(try await ask(first))
            #expect(try await ask(second) == false, "one is open")
            #expect(try #require(try await world.situation().sinceLast) < .seconds(60))
            for node in ["h2", "h3"] {
                let candidate = LeaseCandidate(id: .new(), node: try NodeName(node))
                try await cluster.database.withSession { session in
                    try HandoverStatements.sayReady(
                        candidate,
                        for: lease,
                        after: 3,
                        strength: 1,
                        goodFor: .seconds(60),
                        on: session
                    )
                }
            }
            func ready(_ request: ResignationID?) async throws -> Int {
                try await cluster.database.withSession { session in
                    try HandoverStatements.prospects(
                        of: lease,
                        term: 3,
                        besides: me.node,
                        goodFor: .seconds(60),
                        request: request,
                        on: session
                    ).ready.count
                }
            }
            #expect(try await ready(first) == 1, "h3 alone is meant")
            #expect(try await ready(second) == 2)
            #expect(try await ready(nil) == 2)
            try await cluster.execute("UPDATE ready_candidates SET expires_at = NOW(6) WHERE node = 'h3'")
            #expect(try await ready(nil) == 1, "one that has not said so again may be gone")
            for (request, isPresent) in [(second, false), (first, true)] {
                let isRefused = try await cluster.database.withSession { session in
                    try HandoverStatements.refuse(
                        request,
                        of: lease,
                        term: 3,
                        by: me,
                        because: .nobodyReady,
                        on: session
                    )
                }
                #expect(isRefused == isPresent)
            }
            #expect(try await world.situation().sinceLast == nil, "nothing has come of it")
            #expect(try await ask(second))
            #expect(try await world.situation().sinceLast != nil)
            // A clock that was set back says nothing of how long ago it was.
            try await cluster.execute("UPDATE data_plane_handovers SET requested_at = NOW(6) + INTERVAL 1 HOUR")
            #expect(try await world.situation().sinceLast == nil)
        }
    }

    @Test func `a node probes those with the network role and the two that follow it, in a cluster of any size`()
        async throws
    {
        try await withWorld(nodes: 2) { world in
            let cluster = world.cluster
            for number in 3...60 {
                try await cluster.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(NodeID.new()), \("n\(number + 100)"),
                        \(IPv4Address(rawValue: 0x0b00_0000 + UInt32(number))), TRUE, FALSE)
                    """
                )
            }
            func peers(_ name: String) async throws -> [String] {
                let name = try NodeName(name)
                let plan = try await cluster.database.withSession { try DataPlaneStatements.plan(of: name, on: $0) }
                let found = try #require(plan)
                #expect(found.node.name == name)
                return found.peers.map(\.name.description)
            }
            #expect(try await peers("n110") == ["h1", "h2", "n111", "n112"])
            #expect(try await peers("n159") == ["h1", "h2", "n160"], "after the last one comes the first")
            #expect(try await peers("n160") == ["h1", "h2"])
            #expect(try await peers("h2") == ["h1", "n103", "n104"])
            let plan = try await cluster.explain(DataPlaneStatements.planQuery(try NodeName("n110")))
            #expect(plan.allSatisfy { $0.table?.hasPrefix("<") ?? true || $0.key?.hasPrefix("nodes_by_") == true })
            let nobody = try NodeName("h9")
            #expect(try await cluster.database.withSession { try DataPlaneStatements.plan(of: nobody, on: $0) } == nil)
            try await cluster.execute("UPDATE nodes SET is_network_node = TRUE")
            let all = try await peers("n150")
            #expect(all.count == ProbePeer.mostNetworkNodes + ProbePeer.neighbours && all.contains("n151"))
        }
    }

    @Test func `a network converges only where its packets arrive, and names the fault`() async throws {
        try await withWorld(nodes: 2) { world in
            let cluster = world.cluster
            try await cluster.addNetwork("blue")
            try await cluster.execute("UPDATE networks SET dhcp = FALSE, dns = FALSE")
            try await cluster.execute(
                """
                INSERT INTO applied_state (network, node, what, generation, term, applied_at)
                SELECT w.id, n.id, 'mesh', w.generation, 0, NOW(6) FROM networks AS w JOIN nodes AS n
                """
            )
            let connection = ClusterConnection(
                database: cluster.database,
                requester: "test",
                waker: NoWaker(),
                logger: .silent
            )
            func blue() async throws -> NetworkSnapshot {
                try await Inventory(connection).network(try NetworkName("blue"))
            }
            /// The same by both ways of telling it.
            func judged() async throws -> (converged: Bool, problems: [String]) {
                let (network, status) = (try await blue(), try await connection.status().networks)
                #expect(network.converged == (status.converged == 1) && network.problems.count == status.problems)
                return (network.converged, network.problems.map(\.what))
            }
            #expect(try await judged() == (true, []))
            try await world.path(1, 2, .refused)
            #expect(try await judged() == (true, ["underlay"]))
            try await world.path(1, 2, .unreachable)
            #expect(try await judged() == (false, ["underlay"]))
            try await world.path(1, 2, .limited, size: 1500)
            #expect(try await judged() == (false, ["underlay"]))
            try await world.path(1, 2, .limited, size: 1501)
            #expect(try await blue().converged)
            #expect(try await connection.status().networks.converged == 1)
            try await world.check(2, .bridgeFilter, .failed)
            #expect(try await blue().converged == false)
            #expect(try await connection.status().networks.converged == 0)
            try await world.session(2, lives: false)
            #expect(try await judged() == (true, []))
            // Without a bridge there is no egress: one cause, and one problem.
            try await cluster.execute(
                """
                INSERT INTO network_problems (network, node, what, since, message)
                SELECT w.id, n.id, 'egress', NOW(6), 'no bridge' FROM networks AS w JOIN nodes AS n WHERE n.name = 'h1'
                """
            )
            #expect(try await judged() == (true, ["egress"]))
            try await world.check(1, .externalBridge, .failed)
            #expect(try await connection.status().networks.problems == 1)
        }
    }
}
