import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The list of witnesses in the lease's row, on a real database.
@Suite(.timeLimit(.minutes(15))) struct WitnessListTests {
    private static let lease = ElectedLease.networkNode
    private let leader: LeaseCandidate
    private let nodes = [NodeID.new(), NodeID.new(), NodeID.new()]

    init() throws {
        leader = LeaseCandidate(id: .new(), node: try NodeName("h1"))
    }

    /// A lease that the first node holds under term 1.
    private func withLease(_ body: @Sendable (TestCluster) async throws -> Void) async throws {
        try await withCluster { cluster in
            try await cluster.database.withSession { try LeaseStatements.create(Self.lease, on: $0) }
            #expect(try await acquire(leader, on: cluster))
            try await body(cluster)
        }
    }

    private func seen(as node: NodeID?, on cluster: TestCluster) async throws -> ElectionState.Sighting {
        try await cluster.database.withSession { session in
            try #require(try LeaseStatements.sighting(Self.lease, as: node, on: session))
        }
    }

    private func acquire(_ candidate: LeaseCandidate, on cluster: TestCluster) async throws -> Bool {
        let seen = try await seen(as: nil, on: cluster)
        return try await cluster.database.withSession {
            try LeaseStatements.acquire(Self.lease, after: seen, by: candidate, lease: .seconds(5), on: $0)
        }
    }

    private func renew(_ list: WitnessList, on cluster: TestCluster) async throws -> Bool {
        let (leader, own) = (leader, nodes[0])
        return try await cluster.database.withSession { session in
            try LeaseStatements.renew(
                Self.lease,
                term: 1,
                by: leader,
                lease: .seconds(5),
                list: list,
                of: own,
                outage: .seconds(60),
                on: session
            )
        }
    }

    /// The time for which each of the three nodes waits besides the lease, in seconds.
    private func waits(_ cluster: TestCluster) async throws -> [Int] {
        var waits: [Int] = []
        for node in nodes { waits.append(Int(try await seen(as: node, on: cluster).outage / .seconds(1))) }
        return waits
    }

    @Test func `who is not in the list waits for the outage time, and whose node holds the lease does not`()
        async throws
    {
        try await withLease { cluster in
            let before = try await waits(cluster)
            #expect(before == [0, 0, 0], "there is no list yet")
            #expect(try await renew(WitnessList(number: 1, nodes: [nodes[1]]), on: cluster))
            #expect(try await waits(cluster) == [0, 0, 60])
            #expect(try await seen(as: nil, on: cluster).outage == .seconds(60), "of whom nothing is known")
            #expect(try await renew(WitnessList(number: 2, nodes: []), on: cluster))
            #expect(try await waits(cluster) == [0, 60, 60])
            #expect(try await renew(WitnessList(number: 3, nodes: nil), on: cluster))
            #expect(try await waits(cluster) == [0, 0, 0], "it was withdrawn")
        }
    }

    @Test func `a renewal with an older list extends the lease and leaves the list`() async throws {
        try await withLease { cluster in
            #expect(try await renew(WitnessList(number: 2, nodes: [nodes[1]]), on: cluster))
            let before = try await seen(as: nil, on: cluster)
            for late in [WitnessList(number: 1, nodes: [nodes[2]]), WitnessList(number: 2, nodes: nil), .none] {
                #expect(try await renew(late, on: cluster))
            }
            #expect(try await waits(cluster) == [0, 0, 60])
            #expect(try await seen(as: nil, on: cluster).renewals == before.renewals + 3)
        }
    }

    @Test func `a new term begins without a list, and counts its lists from one`() async throws {
        try await withLease { cluster in
            let isRenewed = try await renew(WitnessList(number: 7, nodes: [nodes[1]]), on: cluster)
            #expect(isRenewed)
            #expect(try await acquire(LeaseCandidate(id: .new(), node: try NodeName("h2")), on: cluster))
            #expect(try await waits(cluster) == [0, 0, 0])
            #expect(try await cluster.count("SELECT witness_list FROM leases") == 0)
            #expect(try await !renew(WitnessList(number: 8, nodes: [nodes[1]]), on: cluster), "of the term before")
            #expect(try await waits(cluster) == [0, 0, 0])
        }
    }

    @Test(arguments: [
        "witnesses = '', witness_list = 1" as SQL, "outage_microseconds = 1, witness_list = 1",
        "witnesses = '', outage_microseconds = 1",
    ])
    func `a list has a number and an outage time`(columns: SQL) async throws {
        try await withLease { cluster in
            try await cluster.execute("UPDATE leases SET witness_list = 0")
            await #expect(throws: DatabaseError.self) {
                try await cluster.execute("UPDATE leases SET \(sql: columns)")
            }
        }
    }

    @Test func `a row whose list cannot be read is an error, and not a list of nobody`() async throws {
        try await withLease { cluster in
            try await cluster.execute(
                "UPDATE leases SET witnesses = 'h1 h2', outage_microseconds = 1, witness_list = 1"
            )
            await #expect(throws: (any Error).self) { try await waits(cluster) }
        }
    }

    @Test func `candidates are the active nodes with the network role, each with whether its netnode lives`()
        async throws
    {
        try await withCluster { cluster in
            let (live, dead) = (try await cluster.addNode("h1"), try await cluster.addNode("h2"))
            for name in ["h3", "h4"] { try await cluster.addNode(name) }
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h3'")
            try await cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name = 'h4'")
            for (node, daemon, isDead) in [
                (live, "netnode", true), (live, "netnode", false), (dead, "netnode", true),
                (dead, "queueworker", false),
            ] {
                try await cluster.execute(
                    """
                    INSERT INTO sessions (
                        id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at, dead)
                    VALUES (\(SessionID.new()), \(daemon), \(node), 'h', 1, 1, NOW(6), NOW(6), NOW(6), \(isDead))
                    """
                )
            }
            let found = try await cluster.database.withSession { try LeaseStatements.candidates(limit: 9, on: $0) }
            #expect(
                found == [WitnessCandidate(node: live, isLive: true), WitnessCandidate(node: dead, isLive: false)]
            )
        }
    }

    @Test(arguments: [30, 2_000])
    func `the candidates are read by indices, and without a sort`(count: Int) async throws {
        try await withCluster { cluster in
            for name in ["h1", "h2"] { try await cluster.addNode(name) }
            try await cluster.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                SELECT UUID(), CONCAT('n', seq), INET_NTOA(INET_ATON('10.9.0.0') + seq), TRUE, FALSE
                FROM seq_1_to_2000 WHERE seq <= \(count)
                """
            )
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT UUID(), 'netnode', id, name, 1, 1, NOW(6), NOW(6), NOW(6) FROM nodes
                """
            )
            try await cluster.execute("ANALYZE TABLE nodes, sessions")
            let plan = try await cluster.explain(LeaseStatements.candidatesQuery(limit: 31))
            #expect(plan.allSatisfy { $0.key != nil && !$0.sorts }, "\(plan)")
        }
    }
}
