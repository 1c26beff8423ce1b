import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What a database's clock that is set forward or back does to what runs, what waits, the elected role and history.
@Suite(.timeLimit(.minutes(15))) struct ClockTests {
    private let noop = BuiltInTask.noop

    /// An hour, as a wrong time zone makes it, and a host that boots with a wrong clock.
    private static let leaps: [Duration] = [.seconds(3600), .seconds(40 * 86_400)]

    private func withSteppedServer(
        _ body: @Sendable (TestCluster, PrivateServer) async throws -> Void
    ) async throws {
        let server = try PrivateServer(isClockStepped: true)
        defer { server.destroy() }
        try await withCluster(on: server) { try await body($0, server) }
    }

    private func request(delay: Duration = .zero) -> OperationRequest {
        OperationRequest(tasks: [noop.name], delay: delay)
    }

    // MARK: Forward

    @Test(arguments: leaps)
    func `a clock that leaps forward ends no session, and nothing that runs`(leap: Duration) async throws {
        try await withSteppedServer { cluster, server in
            try await cluster.addNode("h1")
            let (log, isHeld) = (EffectLog(), Locked(true))
            let handler = RecordingHandler(
                noop.definition,
                log: log,
                wanted: { _ in
                    try await eventually("it may go on") { !isHeld.value }
                    return nil
                }
            )
            let worker = try cluster.liveWorker("h1", handlers: [handler], lease: .seconds(5))
            try await cluster.withWorkers([worker]) {
                let id = try await cluster.queue.enqueue(request()).uuid
                try await eventually("it runs") { log.effects.count == 1 }
                let before = try await cluster.count("SELECT renewals FROM sessions")
                try server.stepClock(by: leap)
                try await eventually("the session is renewed for two leases") {
                    try await cluster.count("SELECT renewals FROM sessions WHERE dead = FALSE") > before + 10
                }
                isHeld.update { $0 = false }
                #expect(try await cluster.end(of: id).deliveries == 1)
                #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 1)
            }
        }
    }

    @Test func `a session that is over by the database's clock alone is waited for before it counts as no worker`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            try await cluster.openSession(try cluster.worker("h1").identity, node: node)
            let id = try await cluster.queue.enqueue(request()).uuid
            func explanation() async throws -> (reasons: [ReasonView.Reason], took: Duration) {
                let begun = ContinuousClock.now
                let connection = ClusterConnection(cluster.configuration, requester: "test", logger: .silent)
                let view = try await connection.explanation(of: id)
                await connection.close()
                return (view.reasons.map(\.reason), ContinuousClock.now - begun)
            }
            // As after a leap, until it is renewed; nobody renews this one.
            try await cluster.execute("UPDATE sessions SET expires_at = NOW(6) - INTERVAL 1 SECOND")
            let silent = try await explanation()
            #expect(silent.reasons == [.noWorker] && silent.took >= .seconds(3), "\(silent)")
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            let dead = try await explanation()
            #expect(dead.reasons == [.noWorker] && dead.took < .seconds(3), "\(dead)")
        }
    }

    @Test func `a clock that leaps forward changes no leader`() async throws {
        try await withSteppedServer { cluster, server in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await withElectionKeepers(["h1", "h2"], on: cluster) { members in
                try await eventually("one serves") { members.contains { $0.role.serving == 1 } }
                let before = try await cluster.count("SELECT renewals FROM leases")
                try server.stepClock(by: .seconds(3600))
                try await eventually("it is renewed for two leases") {
                    try await cluster.count("SELECT renewals FROM leases") > before + 15
                }
                #expect(try await cluster.count("SELECT CAST(term AS SIGNED) FROM leases") == 1)
                let first = try #require(members.first { $0.role.serving == 1 })
                let tenure = try #require(first.role.tenure)
                try server.stepClock(by: .seconds(7200))
                try await cluster.database.withTransaction { try tenure.confirm(in: $0) }
            }
        }
    }

    @Test func `no history is forgotten while the database's clock and this machine's disagree`() async throws {
        try await withSteppedServer { cluster, server in
            _ = try await cluster.queue.enqueue(request(), count: 48)
            var worker = try cluster.worker()
            _ = try await worker.drain()
            let keeper = HistoryKeeper(database: cluster.database, retention: .seconds(30 * 86_400), logger: .silent)
            for step: Duration in [.seconds(40 * 86_400), .seconds(-40 * 86_400), .zero] {
                try server.stepClock(by: step)
                _ = try? await keeper.forgetBatch()
                #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 48, "\(step)")
            }
        }
    }

    // MARK: Backward

    @Test(arguments: [30, 20_000])
    func `what a clock that was set back has put off is found without a walk through the backlog`(
        rows: Int
    ) async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(request(), count: rows)
            _ = try await cluster.queue.enqueue(request(delay: .seconds(3600)), count: 20)
            try await cluster.execute(
                "UPDATE work_queue SET ready_set_at = NOW(6) + INTERVAL 1 HOUR, ready_at = ready_set_at LIMIT 5"
            )
            try await cluster.execute("ANALYZE TABLE work_queue")
            let plan = try await cluster.explain(ClockStatements.aheadQuery(limit: 100))
            #expect(plan.count == 1 && plan.allSatisfy { $0.key == "work_by_ready_set" && $0.type == "range" })
            let found = try await cluster.database.withSession { try ClockStatements.ahead(limit: 100, on: $0) }
            #expect(found.count == 5)
            // Two that pass at once pull each back once.
            let reapers = (0..<2).map { _ in Reaper(database: cluster.database, waker: NoWaker(), logger: .silent) }
            try await withThrowingDiscardingTaskGroup { group in
                for reaper in reapers { group.addTask { try await reaper.pass() } }
            }
            try await reapers[0].pass()
            let left = try await cluster.database.withSession { try ClockStatements.ahead(limit: 100, on: $0) }
            #expect(left.isEmpty)
            let ready: SQL = "SELECT COUNT(*) FROM work_queue WHERE ready_at <= NOW(6)"
            #expect(try await cluster.count(ready) == rows)
        }
    }

    @Test func `a row that others hold is waited for at once when it is to be pulled back`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(request()).uuid
            try await cluster.execute(
                "UPDATE work_queue SET ready_set_at = NOW(6) + INTERVAL 1 HOUR, ready_at = ready_set_at"
            )
            let holder = try await Connection.open(cluster.configuration)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            let isHeld = Locked(false)
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    try await holder.withTransaction { transaction in
                        _ = try EnqueueStatements.lockLive([id], in: transaction)
                        isHeld.update { $0 = true }
                        try blocking {
                            try await eventually("the pass waits for the row", within: .seconds(10)) {
                                try await cluster.count(
                                    """
                                    SELECT COUNT(*) FROM information_schema.processlist
                                    WHERE db = DATABASE() AND info LIKE '%FOR UPDATE WAIT 1'
                                    """
                                ) > 0
                            }
                        }
                    }
                }
                try await eventually("it is held") { isHeld.value }
                try await reaper.pass()
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE ready_at <= NOW(6)") == 1)
            await holder.close()
        }
    }

    @Test func `what waited when the clock was set back starts at once, and so does what rested or was released`()
        async throws
    {
        try await withSteppedServer { cluster, server in
            try await cluster.addNode("h1")
            let parent = try await cluster.queue.enqueue(request()).uuid
            let released = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop.name], dependsOn: [parent])
            ).uuid
            let deferred = try await cluster.queue.enqueue(request()).uuid
            var worker = try cluster.worker()
            for claim in try await worker.claim() {
                let isDeferred = claim.operation.id == deferred
                try await worker.settle([claim], isDeferred ? .deferred : .succeeded(result: nil))
            }
            let waiting = try await cluster.queue.enqueue(request()).uuid
            try server.stepClock(by: .seconds(-3600))
            for id in [released, deferred, waiting] {
                let reasons = try await ClusterConnection(cluster.configuration, requester: "test", logger: .silent)
                    .explanation(of: id)
                    .reasons
                #expect(reasons.first?.reason == .clockSetBack, "\(reasons.map(\.message))")
            }
            let log = EffectLog()
            let live = try cluster.liveWorker(
                "h1",
                handlers: [RecordingHandler(noop.definition, log: log)],
                lease: .seconds(5)
            )
            try await cluster.withWorkers([live]) {
                for id in [released, deferred, waiting] {
                    let ended = try await cluster.end(of: id)
                    #expect(ended.state == .complete)
                }
            }
        }
    }

    @Test func `a clock that is set back shortens no delay that was asked for, before the step or after it`()
        async throws
    {
        try await withSteppedServer { cluster, server in
            let early = try await cluster.queue.enqueue(request(delay: .seconds(7200))).uuid
            try server.stepClock(by: .seconds(-3600))
            let late = try await cluster.queue.enqueue(request(delay: .seconds(7200))).uuid
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            for _ in 0..<2 { try await reaper.pass() }
            for id in [early, late] {
                let left = try await cluster.count(
                    "SELECT TIMESTAMPDIFF(SECOND, NOW(6), ready_at) FROM work_queue WHERE id = \(id)"
                )
                #expect((7000...7200).contains(left), "\(left) s are left of two hours")
            }
        }
    }

    @Test func `a leader that has died is followed after its lease, although the clock was set back an hour`()
        async throws
    {
        try await withSteppedServer { cluster, server in
            try await cluster.addNode("h1")
            let dead = LeaseCandidate(id: .new(), node: try NodeName("h2"))
            let name = ElectedLease.networkNode
            try await cluster.database.withSession { session in
                try LeaseStatements.create(name, on: session)
                let seen = try #require(try LeaseStatements.sighting(name, on: session))
                let won = try LeaseStatements.acquire(name, after: seen, by: dead, lease: .seconds(2), on: session)
                #expect(won)
            }
            try server.stepClock(by: .seconds(-3600))
            try await withElectionKeepers(["h1"], on: cluster) { members in
                try await eventually("another one serves") { members[0].role.serving == 2 }
                #expect(members[0].role.tenure?.followsHandover == false)
            }
        }
    }
}
