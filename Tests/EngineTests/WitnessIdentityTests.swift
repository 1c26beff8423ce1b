import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The node that a candidate is, and the one that it can be asked as, on a real database.
@Suite(.timeLimit(.minutes(15))) struct WitnessIdentityTests {
    /// The channel of a process to which all questions come, to whichever node.
    private struct Asked: WitnessChannel {
        var answering: Set<NodeID> { [] }

        func canBeAsked(as node: NodeID) -> Bool { true }

        func ask(_ nodes: Set<NodeID>, holder: SessionID, nonce: UInt64) {}

        func confirmations(of nonce: UInt64) -> Set<NodeID> { [] }
    }

    private static let lease = ElectedLease.networkNode
    private let leader: LeaseCandidate
    private let nodes = ["h1", "h2", "h3"]

    init() throws {
        leader = LeaseCandidate(id: .new(), node: try NodeName("h1"))
    }

    /// Three nodes; the first one has died as the holder of the lease, under term 1.
    private func withLease(_ body: @Sendable (TestCluster, [NodeID]) async throws -> Void) async throws {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for node in nodes { ids.append(try await cluster.addNode(node)) }
            let leader = leader
            try await cluster.database.withSession { session in
                try LeaseStatements.create(Self.lease, on: session)
                let seen = try #require(try LeaseStatements.sighting(Self.lease, on: session))
                let isTaken = try LeaseStatements.acquire(
                    Self.lease,
                    after: seen,
                    by: leader,
                    lease: .milliseconds(1500),
                    on: session
                )
                #expect(isTaken)
            }
            try await body(cluster, ids)
        }
    }

    private func renew(_ list: WitnessList, of own: NodeID, on cluster: TestCluster) async throws {
        let leader = leader
        let isRenewed = try await cluster.database.withSession { session in
            try LeaseStatements.renew(
                Self.lease,
                term: 1,
                by: leader,
                lease: .milliseconds(1500),
                list: list,
                of: own,
                outage: .seconds(3_600),
                on: session
            )
        }
        #expect(isRenewed)
    }

    /// Waits until a candidate has seen the row stand still for two renewals.
    private func prepared(_ member: ElectionMember) async throws {
        try await eventually("it makes ready") { member.role.log.contains("prepare") }
    }

    @Test func `a candidate that is in the list and cannot be asked leaves the lease to one that can`() async throws {
        try await withLease { cluster, ids in
            try await renew(WitnessList(number: 1, nodes: [ids[1], ids[2]]), of: ids[0], on: cluster)
            try await withElectionKeepers(["h2"], on: cluster) { replaced in
                try await prepared(replaced[0])
                try await withElectionKeepers(["h3"], on: cluster, witnesses: Asked()) { witness in
                    try await eventually("one is elected") {
                        (replaced + witness).contains { $0.role.serving != nil }
                    }
                    #expect(witness[0].role.serving == 2 && replaced[0].role.serving == nil)
                }
            }
        }
    }

    @Test func `a candidate whose node was removed and added again is a witness as the node that it is now`()
        async throws
    {
        try await withLease { cluster, ids in
            try await renew(WitnessList(number: 1, nodes: [ids[1]]), of: ids[0], on: cluster)
            try await withElectionKeepers(["h2"], on: cluster, witnesses: Asked()) { members in
                try await prepared(members[0])
                let added = NodeID.new()
                try await cluster.execute("UPDATE nodes SET id = \(added) WHERE name = 'h2'")
                try await renew(WitnessList(number: 2, nodes: [added]), of: ids[0], on: cluster)
                try await eventually("it is elected", within: .seconds(60)) { members[0].role.serving == 2 }
            }
        }
    }

    @Test func `a leader whose node was removed and added again resigns, and stands anew`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await withElectionKeepers(["h1"], on: cluster) { members in
                try await eventually("it is elected") { members[0].role.serving == 1 }
                try await cluster.execute("UPDATE nodes SET id = \(NodeID.new()) WHERE name = 'h1'")
                try await eventually("it is elected again", within: .seconds(60)) { members[0].role.serving == 2 }
                #expect(members[0].role.log.contains("fall silent 1"))
            }
        }
    }

    @Test func `what is added with the name of a node confirms nothing that the former node was asked`() async throws {
        let timing = ElectionState.Timing(lease: .seconds(5), renew: .seconds(1), fence: .seconds(3))
        let record = ElectionRecord(timing: timing, node: leader.node)
        let (former, added, holder) = (NodeID.new(), NodeID.new(), SessionID.new())
        let seen = ElectionState.Sighting(holder: holder, term: 1, renewals: 1)
        func answers(to node: NodeID) -> Bool {
            let question = WitnessMessage(.question, nonce: 1, holder: holder, witness: node)
            return record.answer(question, at: .now) != nil
        }
        #expect(!answers(to: former), "it knows neither its id nor the holder")
        #expect(!record.identify(former) && !record.identify(former))
        _ = record.update { $0.saw(seen, answeredAt: .now) }
        #expect(answers(to: former) && !answers(to: added))
        #expect(record.identify(added))
        #expect(!answers(to: former) && !answers(to: added), "it has not seen the row as this node")
        _ = record.update { $0.saw(seen, answeredAt: .now) }
        #expect(answers(to: added) && !answers(to: former))
    }
}
