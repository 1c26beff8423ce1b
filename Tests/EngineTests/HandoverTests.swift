import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// A planned change of the elected node, on a real database; its decisions are shown without one, by `HandoverTests`
/// and `ElectionStateTests` of ClusterModelTests.
@Suite(.timeLimit(.minutes(15))) struct PlannedHandoverTests {
    /// Three nodes with a process each, of which one serves.
    private func withLeader(
        handover: Duration = .seconds(30),
        _ body: @Sendable (TestCluster, ElectionMember, [ElectionMember]) async throws -> Void
    ) async throws {
        try await withCluster { cluster in
            let nodes = ["h1", "h2", "h3"]
            for node in nodes { try await cluster.addLivingNode(node) }
            try await withElectionKeepers(nodes, on: cluster, handover: handover) { members in
                try await eventually("one serves, and has said so") {
                    try await cluster.count("SELECT COUNT(*) FROM leases WHERE serving_term = 1") == 1
                }
                let first = try #require(members.firstIndex { $0.role.serving == 1 })
                members[first].role.readyStrength.update { $0 = 2 }
                let others = members.indices.filter { $0 != first }.map { members[$0] }
                try await body(cluster, members[first], others)
                // Nobody waits for processes that only seem to live.
                try await cluster.execute("UPDATE sessions SET dead = TRUE")
            }
        }
    }

    private func connection(_ cluster: TestCluster) -> ClusterConnection {
        ClusterConnection(database: cluster.database, requester: "test", waker: NoWaker(), logger: .silent)
    }

    @Test func `at SIGTERM a leader serves on until one is ready to serve as much, and that one follows`() async throws
    {
        try await withLeader { cluster, leader, others in
            await leader.stop()
            for other in others {
                try await eventually("both make ready") { other.role.log == ["prepare"] }
            }
            others[0].role.readyStrength.update { $0 = 1 }
            try await eventually("one says that it is a little ready") {
                try await cluster.count("SELECT COUNT(*) FROM ready_candidates WHERE term = 1 AND strength = 1") == 1
            }
            let renewals = try await cluster.count("SELECT renewals FROM leases")
            try await eventually("the leader renews its lease all the same") {
                try await cluster.count("SELECT renewals FROM leases") >= renewals + 10
            }
            #expect(leader.role.serving == 1 && !leader.role.log.contains("fall silent 1"))
            others[1].role.readyStrength.update { $0 = 2 }
            try await eventually("who is ready serves") { others[1].role.serving == 2 }
            #expect(leader.role.log.contains("fall silent 1") && leader.role.serving == nil)
            try await eventually("the other one lets go") { others[0].role.log == ["prepare", "stand down"] }
            #expect(others[1].role.log.starts(with: ["prepare", "serve 2"]), "it never let go of what was ready")
        }
    }

    @Test func `a drained leader serves on until one is ready, and stays when it is undrained before`() async throws {
        try await withLeader { cluster, leader, others in
            let name = try #require(try await connection(cluster).leader().holder)
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = \(name)")
            for other in others {
                try await eventually("both make ready") { other.role.log == ["prepare"] }
            }
            try await cluster.execute("UPDATE nodes SET state = 'active' WHERE name = \(name)")
            for other in others {
                try await eventually("they let go") { other.role.log == ["prepare", "stand down"] }
            }
            #expect(leader.role.serving == 1)
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = \(name)")
            others[0].role.readyStrength.update { $0 = 5 }
            try await eventually("who is ready serves") { others[0].role.serving == 2 }
        }
    }

    @Test func `when nobody is ready in time a leader that has to go goes`() async throws {
        try await withLeader(handover: .milliseconds(600)) { _, leader, others in
            await leader.stop()
            try await eventually("another one follows") { others.contains { $0.role.serving == 2 } }
            #expect(leader.role.log.contains("fall silent 1"))
        }
    }

    @Test func `a candidate that was ready and is gone is not waited for longer than its word holds`() async throws {
        try await withLeader { cluster, leader, others in
            await leader.stop()
            others[0].role.readyStrength.update { $0 = 1 }
            try await eventually("it has said so") {
                try await cluster.count("SELECT COUNT(*) FROM ready_candidates WHERE term = 1") == 1
            }
            await others[0].stop()
            try await eventually("it has taken its word back") {
                try await cluster.count("SELECT COUNT(*) FROM ready_candidates WHERE term = 1") == 0
            }
            // One that was killed takes nothing back.
            try await cluster.execute(
                """
                INSERT INTO ready_candidates (lease, node, candidate, term, strength, expires_at)
                VALUES ('networknode', 'h9', UUID(), 1, 2, NOW(6) + INTERVAL 60 SECOND)
                """
            )
            try await eventually("what was left to nobody who lives is taken by another one") {
                others[1].role.serving == 2
            }
        }
    }

    @Test func `who is asked to resign hands over to one who is ready, and stands again for that one`() async throws {
        try await withLeader { cluster, leader, others in
            let connection = connection(cluster)
            let first = try #require(try await connection.leader().holder)
            for other in others { other.role.readyStrength.update { $0 = 2 } }
            let outcome = try await connection.resignLeader(within: .seconds(30))
            guard case .handedOver(let change) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(change.previousHolder == first && change.holder != first && change.term == 2)
            #expect(leader.role.serving == nil && others.contains { $0.role.serving == 2 })
            let again = try await connection.resignLeader(within: .seconds(30))
            guard case .handedOver(let next) = again else {
                Issue.record("\(again)")
                return
            }
            #expect(next.previousHolder == change.holder && next.term == 3)
        }
    }

    @Test func `who is asked to resign and finds nobody ready stays, says why, and the others let go`() async throws {
        try await withLeader(handover: .milliseconds(600)) { cluster, leader, others in
            let connection = connection(cluster)
            let first = try #require(try await connection.leader().holder)
            #expect(try await connection.resignLeader(within: .seconds(30)) == .refused(by: first, .nobodyReady))
            for other in others {
                try await eventually("they let go") { other.role.log == ["prepare", "stand down"] }
            }
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            #expect(try await connection.resignLeader(within: .seconds(30)) == .refused(by: first, .nobodyStands))
            #expect(leader.role.serving == 1 && !leader.role.log.contains("fall silent 1"))
            #expect(others.allSatisfy { $0.role.log == ["prepare", "stand down"] }, "nobody was disturbed for nothing")
        }
    }

    @Test func `two who ask at once wait for one hand-over`() async throws {
        try await withLeader { cluster, _, others in
            others[0].role.readyStrength.update { $0 = 2 }
            let connection = connection(cluster)
            async let one = connection.resignLeader(within: .seconds(30))
            async let two = connection.resignLeader(within: .seconds(30))
            let outcomes = try await [one, two]
            #expect(outcomes[0] == outcomes[1], "\(outcomes)")
            guard case .handedOver(let change) = outcomes[0] else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(change.term == 2)
        }
    }

    @Test func `whoever asked and does not wait any longer takes the request back, and the leader stays`() async throws
    {
        try await withLeader { cluster, leader, others in
            let connection = connection(cluster)
            let first = try #require(try await connection.leader().holder)
            let outcome = try await connection.resignLeader(within: .seconds(1))
            #expect(outcome == .timedOut(first, hasResigned: false))
            #expect(try await cluster.count("SELECT COUNT(*) FROM leases WHERE resignation IS NULL") == 1)
            for other in others {
                try await eventually("they let go") { other.role.log.last == "stand down" }
                other.role.readyStrength.update { $0 = 2 }
            }
            let renewals = try await cluster.count("SELECT renewals FROM leases")
            try await eventually("it goes on") {
                try await cluster.count("SELECT renewals FROM leases WHERE term = 1") >= renewals + 5
            }
            #expect(leader.role.serving == 1)
        }
    }

    @Test func `where nobody is elected nobody can be asked`() async throws {
        try await withCluster { cluster in
            #expect(try await connection(cluster).resignLeader(within: .seconds(1)) == .nobodyElected)
            try await cluster.database.withSession { session in
                try LeaseStatements.create(ElectedLease.networkNode, on: session)
            }
            #expect(try await connection(cluster).resignLeader(within: .seconds(1)) == .nobodyElected)
        }
    }

    @Test func `the schema keeps marks of terms to come, successors beside holders and refusals without reasons out`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES ('networknode', UUID(), 'h1', 3, NOW(6), NOW(6))
                """
            )
            let refused: [SQL] = [
                "serving_term = 4", "handing_over_term = 4", "resignation = UUID(), resignation_term = 4",
                "resignation = UUID()", "successor = UUID()", "refused_resignation = UUID()", "refusal = 'x'",
            ]
            for change in refused {
                await #expect(throws: DatabaseError.self, "\(change)") {
                    try await cluster.execute("UPDATE leases SET \(sql: change)")
                }
            }
            try await cluster.execute("UPDATE leases SET serving_term = 3, handing_over_term = 3")
        }
    }
}

extension TestCluster {
    /// Adds a node, and pretends that its netnode lives.
    fileprivate func addLivingNode(_ name: String) async throws {
        try await addNode(name)
        try await execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT UUID(), 'netnode', id, name, 4711, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 600 SECOND
            FROM nodes WHERE name = \(name)
            """
        )
    }
}
