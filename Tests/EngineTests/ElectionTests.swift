import ClusterOpsTestKit
import Logging
import MariaDB
import ServiceLifecycle
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The elected role on a real database; what the decisions are made of is shown without one, by `ElectionStateTests`.
@Suite(.timeLimit(.minutes(15))) struct ElectionTests {
    private static let lease = ElectedLease.networkNode

    private func seen(_ database: Database) async throws -> ElectionState.Sighting {
        try await database.withSession { session in
            try LeaseStatements.create(Self.lease, on: session)
            return try #require(try LeaseStatements.sighting(Self.lease, on: session))
        }
    }

    private func acquire(
        _ candidate: LeaseCandidate,
        after seen: ElectionState.Sighting,
        lease: Duration = .seconds(5),
        on database: Database
    ) async throws -> Bool {
        try await database.withSession {
            try LeaseStatements.acquire(Self.lease, after: seen, by: candidate, lease: lease, on: $0)
        }
    }

    private func candidate(_ node: String) throws -> LeaseCandidate {
        LeaseCandidate(id: .new(), node: try NodeName(node))
    }

    // MARK: The row

    @Test func `of eight that take a free lease at once one gets it, and the term rises by one`() async throws {
        try await withCluster { cluster in
            let free = try await seen(cluster.database)
            #expect(free.holder == nil && free.term == 0)
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 1...8 {
                    let candidate = try candidate("h\(number)")
                    group.addTask { try await acquire(candidate, after: free, on: cluster.database) }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(winners == 1)
            let held = try await seen(cluster.database)
            #expect(held.term == 1 && held.holder != nil && held.lease == .seconds(5))
        }
    }

    @Test func `a lease that was renewed since it was seen is nobody else's, nor one that has changed hands`()
        async throws
    {
        try await withCluster { cluster in
            let (first, second) = (try candidate("h1"), try candidate("h2"))
            let free = try await seen(cluster.database)
            #expect(try await acquire(first, after: free, on: cluster.database))
            let running = try await seen(cluster.database)
            func renew() async throws -> Bool {
                try await cluster.database.withSession { session in
                    try LeaseStatements.renew(Self.lease, term: 1, by: first, lease: .seconds(5), on: session)
                }
            }
            #expect(try await renew())
            #expect(try await !acquire(second, after: running, on: cluster.database), "it was renewed")
            #expect(try await !acquire(second, after: free, on: cluster.database), "it was another term")
            let still = try await seen(cluster.database)
            #expect(try await acquire(second, after: still, on: cluster.database))
            #expect(try await !renew(), "the first one has lost it")
            // A restored database gives a number twice: then the holder tells the terms apart.
            for term: UInt64 in [1, 2] {
                try await cluster.database.withSession {
                    try LeaseStatements.resign(Self.lease, term: term, by: first, on: $0)
                }
            }
            #expect(try await seen(cluster.database).holder == second.id, "and gives back nothing that is not its own")
        }
    }

    @Test func `a lease is its holder's as long as nobody has taken it, whatever the database's clock says`()
        async throws
    {
        try await withCluster { cluster in
            let only = try candidate("h1")
            #expect(try await acquire(only, after: try await seen(cluster.database), on: cluster.database))
            func renew() async throws -> Bool {
                try await cluster.database.withSession {
                    try LeaseStatements.renew(Self.lease, term: 1, by: only, lease: .seconds(5), on: $0)
                }
            }
            #expect(try await renew())
            for moment: SQL in ["NOW(6) - INTERVAL 1 HOUR", "NOW(6) + INTERVAL 1 HOUR"] {
                try await cluster.execute(
                    "UPDATE leases SET renewed_at = \(sql: moment), expires_at = renewed_at + INTERVAL 5 SECOND"
                )
                #expect(try await renew())
            }
            let another = try candidate("h2")
            #expect(try await acquire(another, after: try await seen(cluster.database), on: cluster.database))
            #expect(try await !renew())
        }
    }

    @Test func `a write under a term commits before a change of holder or not at all`() async throws {
        try await withCluster { cluster in
            let (first, second) = (try candidate("h1"), try candidate("h2"))
            #expect(try await acquire(first, after: try await seen(cluster.database), on: cluster.database))
            let tenure = Tenure(lease: Self.lease, term: 1, holder: first.id, until: .now + .seconds(60))
            let network = try await cluster.addNetwork("blue")
            let running = try await seen(cluster.database)
            let (overtaking, isHeld) = (Locked<Bool?>(nil), Locked(false))
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    try await eventually("the row is held") { isHeld.value }
                    let won = try await acquire(second, after: running, on: cluster.database)
                    overtaking.update { $0 = won }
                }
                group.addTask {
                    try await cluster.database.withTransaction { transaction in
                        try tenure.confirm(in: transaction)
                        isHeld.update { $0 = true }
                        // In the middle of the write somebody else wants the lease; it waits for our COMMIT.
                        try blocking {
                            try await eventually("the other one waits for the row") {
                                try await cluster.count(
                                    "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE leases%'"
                                ) > 0
                            }
                        }
                        #expect(overtaking.value == nil)
                        try transaction.execute("UPDATE networks SET mtu = 1400 WHERE id = \(network)")
                    }
                }
            }
            #expect(overtaking.value == true)
            await #expect(throws: TenureOver.self) {
                try await cluster.database.withTransaction { transaction in
                    try tenure.confirm(in: transaction)
                    try transaction.execute("UPDATE networks SET mtu = 1300 WHERE id = \(network)")
                }
            }
            #expect(try await cluster.count("SELECT mtu FROM networks") == 1400)
            tenure.finish()
            await #expect(throws: TenureOver.self) {
                try await cluster.database.withTransaction { try tenure.confirm(in: $0) }
            }
        }
    }

    @Test func `what an earlier leader was running goes on under the next, and its own late end changes nothing`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            try await cluster.addNode("h2")
            try await cluster.addNetwork("blue")
            let request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: try NetworkName("blue"))
            )
            let id = try await cluster.queue.enqueue(request).uuid
            var (first, second) = (try cluster.worker("h1"), try cluster.worker("h2"))
            try await cluster.openSession(first.identity, node: node)
            let early = try await first.claim()
            #expect(early.map(\.operation.id) == [id])
            let later = try await cluster.queue.enqueue(request).uuid
            #expect(try await second.claim().isEmpty, "one of a target runs at a time, and the session lives")

            let leader = try candidate("h2")
            #expect(try await acquire(leader, after: try await seen(cluster.database), on: cluster.database))
            let succession = Succession(
                node: try NodeName("h2"),
                database: cluster.database,
                waker: NoWaker(),
                logger: .silent
            )
            let over = Tenure(lease: Self.lease, term: 9, holder: leader.id, until: .now + .seconds(60))
            await #expect(throws: TenureOver.self) { try await succession.takeBack(under: over) }
            #expect(try await second.claim().isEmpty, "only who is elected takes back")
            let tenure = Tenure(lease: Self.lease, term: 1, holder: leader.id, until: .now + .seconds(60))
            #expect(try await succession.takeBack(under: tenure) == 1)
            #expect(try await succession.takeBack(under: tenure) == 0)
            let claims = try await second.claim()
            #expect(claims.count == 1, "the other one rides on it, or it on the other")
            #expect(try await first.settle(early, .succeeded(result: nil)).settled.isEmpty)
            try await second.settle(claims, .succeeded(result: nil))
            _ = try await second.drain()
            for id in [id, later] { #expect(try await cluster.operation(id).state == .complete) }
        }
    }

    @Test func `an operation that outlasts many hand-overs is not given up, and one whose leaders fall silent is`()
        async throws
    {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await cluster.addNetwork("blue")
            let leader = try candidate("h2")
            #expect(try await acquire(leader, after: try await seen(cluster.database), on: cluster.database))
            let succession = Succession(
                node: try NodeName("h2"),
                database: cluster.database,
                waker: NoWaker(),
                logger: .silent
            )
            let request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: try NetworkName("blue"))
            )
            let id = try await cluster.queue.enqueue(request).uuid
            func takeOver(followsHandover: Bool) async throws {
                var worker = try cluster.worker("h1")
                #expect(try await worker.claim().count == 1)
                let tenure = Tenure(
                    lease: Self.lease,
                    term: 1,
                    holder: leader.id,
                    until: .now + .seconds(60),
                    followsHandover: followsHandover
                )
                #expect(try await succession.takeBack(under: tenure) == 1)
            }
            for _ in 0...AttemptDecision.deliveriesBeyondFailures + 1 { try await takeOver(followsHandover: true) }
            let operation = try await cluster.operation(id)
            #expect(operation.state == .queued && operation.failures == 0)
            #expect(operation.attemptHistory.allSatisfy { $0.outcome == .takenOver })
            let view = try await ClusterConnection(cluster.configuration, requester: "test", logger: .silent).operation(
                id
            )
            #expect(view.timeline.contains { $0.event == .takenOver })
            for _ in 0...AttemptDecision.deliveriesBeyondFailures { try await takeOver(followsHandover: false) }
            #expect(try await cluster.operation(id).error?.code == "poison")
        }
    }

    // MARK: The keeper

    @Test func `one of three is elected, and when it stops another one follows without waiting for the lease`()
        async throws
    {
        try await withCluster { cluster in
            for node in ["h1", "h2", "h3"] { try await cluster.addNode(node) }
            try await withElectionKeepers(["h1", "h2", "h3"], on: cluster) { members in
                try await eventually("one serves") { members.contains { $0.role.serving != nil } }
                let first = try #require(members.firstIndex { $0.role.serving != nil })
                #expect(members[first].role.serving == 1)
                await members[first].stop()
                try await eventually("another one serves") {
                    members.contains { ($0.role.serving ?? 0) > 1 }
                }
                let next = try #require(members.first { ($0.role.serving ?? 0) > 1 })
                #expect(next.role.tenure?.followsHandover == true)
                #expect(
                    members[first].role.log.sorted() == [
                        "extend 1", "fall silent 1", "retire 1", "serve 1", "served 1",
                    ]
                )
                #expect(members.filter { $0.role.serving != nil }.count == 1)
            }
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM leases WHERE holder IS NULL AND term >= 2") == 1,
                "the last one has given it back"
            )
        }
    }

    @Test
    func `a node without the network role, or that is drained, is never elected, and hands over when it becomes so`()
        async throws
    {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name = 'h2'")
            try await withElectionKeepers(["h1", "h2"], on: cluster) { members in
                try await eventually("h1 serves") { members[0].role.serving == 1 }
                try await cluster.execute("UPDATE nodes SET is_network_node = TRUE WHERE name = 'h2'")
                try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h1'")
                try await eventually("h2 serves") { members[1].role.serving == 2 }
                #expect(members[0].role.log.contains("fall silent 1"))
                #expect(members[0].role.serving == nil)
            }
        }
    }

    @Test func `when the holder misses renewals the role is made ready, and not any more when the holder is back`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let holder = try candidate("h2")
            #expect(
                try await acquire(
                    holder,
                    after: try await seen(cluster.database),
                    lease: .seconds(600),
                    on: cluster.database
                )
            )
            try await withElectionKeepers(["h1"], on: cluster) { members in
                let role = members[0].role
                try await eventually("it makes ready") { role.log == ["prepare"] }
                try await cluster.execute("UPDATE leases SET renewals = renewals + 1")
                try await eventually("it stands down") { role.log.starts(with: ["prepare", "stand down"]) }
            }
            let last = try await seen(cluster.database)
            #expect(last.holder == holder.id && last.term == 1, "nobody took what runs")
        }
    }

    @Test func `after a failover that has lost the election nobody is elected before the lost lease is over`()
        async throws
    {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            _ = try await seen(cluster.database)
            try await withElectionKeepers(["h1", "h2"], on: cluster) { members in
                try await eventually("one serves") { members.contains { $0.role.serving == 1 } }
                let renewals = try await seen(cluster.database).renewals
                try await eventually("the other one has seen it") {
                    try await seen(cluster.database).renewals > renewals + 3
                }
                // What a replica has to which the first acquisition was never copied.
                let lostAt = ContinuousClock.now
                try await cluster.execute(
                    """
                    UPDATE leases
                    SET holder = NULL, holder_node = NULL, term = 0, renewals = 0, serving_term = NULL,
                        handing_over_term = NULL, witnesses = NULL, outage_microseconds = NULL, witness_list = 0
                    """
                )
                try await eventually("the leader has noticed") {
                    members.contains { $0.role.log.contains("retire 1") }
                }
                try await eventually("one serves again") { members.contains { $0.role.serving != nil } }
                #expect(ContinuousClock.now - lostAt >= .seconds(3), "the lease, by the candidates' own clock")
            }
        }
    }

    @Test func `one that cannot play the role leaves it to another one`() async throws {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await withElectionKeepers(["h1", "h2"], on: cluster) { members in
                try await eventually("one serves") { members.contains { $0.role.serving != nil } }
                let first = try #require(members.firstIndex { $0.role.serving != nil })
                members[first].role.isFit.update { $0 = false }
                try await eventually("the other one serves") { members[1 - first].role.serving == 2 }
                #expect(members[first].role.log.contains("fall silent 1"))
            }
        }
    }

    @Test func `a row that the holder's writes wait for does not keep it from its renewals`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let network = try await cluster.addNetwork("blue")
            try await withElectionKeepers(["h1"], on: cluster) { members in
                try await eventually("it serves") { members[0].role.serving == 1 }
                let tenure = try #require(members[0].role.tenure)
                let ledger = NetworkLedger(node: try NodeName("h1"), database: cluster.database)
                let renewals: SQL = "SELECT renewals FROM leases"
                try await withThrowingDiscardingTaskGroup { group in
                    let isHeld = Locked(false)
                    group.addTask {
                        try await cluster.database.withTransaction { transaction in
                            _ = try transaction.query("SELECT id FROM networks FOR UPDATE")
                            isHeld.update { $0 = true }
                            try blocking {
                                let before = try await cluster.count(renewals)
                                try await eventually("it renews meanwhile") {
                                    try await cluster.count(renewals) >= before + 10
                                }
                            }
                        }
                    }
                    group.addTask {
                        try await eventually("the network is held") { isHeld.value }
                        try await ledger.record(
                            [.reachedUnderTerm(.dnsmasq, of: network, generation: 1)],
                            under: tenure
                        )
                    }
                }
                #expect(members[0].role.serving == 1)
                #expect(try await cluster.count("SELECT COUNT(*) FROM applied_state WHERE term = 1") == 1)
            }
        }
    }

    @Test func `with a database that hangs the role ends at its fence, and begins anew under another term`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            try await cluster.addNode("h1")
            try await withElectionKeepers(["h1"], on: cluster) { members in
                let role = members[0].role
                try await eventually("it serves") { role.serving == 1 }
                server.suspend()
                try await eventually("it retires while the database hangs") { role.log.contains("retire 1") }
                #expect(role.serving == nil)
                server.resume()
                try await eventually("it serves again") { (role.serving ?? 0) >= 2 }
            }
        }
    }
}
