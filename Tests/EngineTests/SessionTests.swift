import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct SessionTests {
    /// Long enough for a busy machine, on which a lease of three seconds was lost.
    private static let lease: Duration = .seconds(9)
    private static let renew: Duration = .milliseconds(600)

    private let timing = SessionLease.Timing(lease: .seconds(10), renew: .seconds(2))

    @Test func `work ends before the database's lease does, counted from before the renewal was sent`() {
        let start = ContinuousClock.now
        var lease = SessionLease(timing, sentAt: start)
        #expect(!lease.isOver(at: start + .milliseconds(8999)) && lease.isOver(at: start + .seconds(9)))
        lease.renewed(sentAt: start + .seconds(4))
        #expect(lease.deadline == start + .seconds(13))
        lease.renewed(sentAt: start + .seconds(2))
        #expect(lease.deadline == start + .seconds(13), "an answer that comes late never shortens")
        #expect(lease.pause(afterFailure: false, at: start + .seconds(4)) == .seconds(2))
        #expect(lease.pause(afterFailure: true, at: start + .seconds(4)) == .milliseconds(500))
        #expect(lease.pause(afterFailure: true, at: start + .seconds(20)) == .zero)
    }

    @Test func `a reaper believes only a counter that it has itself seen standing still for a whole lease`() {
        var watch = ReaperWatch()
        let (start, id) = (ContinuousClock.now, SessionID.new())
        func dead(_ renewals: UInt64?, askedAt: Int, answeredAt: Int? = nil) -> [SessionID] {
            let seen = renewals.map { ReaperWatch.Sighting(session: id, renewals: $0, lease: .seconds(10)) }
            return watch.observe(
                ReaperWatch.Window(following: seen.map { [$0] } ?? []),
                askedAt: start + .seconds(askedAt),
                answeredAt: start + .seconds(answeredAt ?? askedAt)
            )
        }
        #expect(dead(5, askedAt: 0).isEmpty)
        #expect(dead(5, askedAt: 9).isEmpty)
        #expect(dead(6, askedAt: 10).isEmpty, "it was renewed")
        #expect(dead(6, askedAt: 19).isEmpty)
        #expect(dead(6, askedAt: 20) == [id])
        #expect(dead(nil, askedAt: 21).isEmpty)
        #expect(dead(6, askedAt: 22, answeredAt: 29).isEmpty, "what was gone is looked at anew")
        #expect(dead(6, askedAt: 38).isEmpty, "the answer dates a sighting, not the question")
        #expect(dead(6, askedAt: 39) == [id])
    }

    @Test func `operations of a dead session come back, and those of a claim that commits after its death too`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 4)
            var worker = try cluster.worker("h1")
            try await cluster.openSession(worker.identity, node: node)
            let claims = try await worker.claim(2)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 0, "a living session keeps its operations")
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            #expect(try await reaper.pass() == 2)
            // The zombie's next claim: executing under a session that everybody knows to be dead.
            let late = try await worker.claim(2)
            #expect(late.count == 2)
            #expect(try await reaper.pass() == 2)
            #expect(try await worker.settle(claims + late, .succeeded(result: nil)).settled.isEmpty)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 4)
        }
    }

    @Test func `two reapers at once return each operation once`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 80)
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim(80).count == 80)
            let returned = Locked(0)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
                        let count = try await reaper.pass()
                        returned.update { $0 += count }
                    }
                }
            }
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            let rest = try await reaper.pass()
            #expect(returned.value + rest == 80)
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE deliveries = 1 AND state = 'queued'")
                    == 80
            )
        }
    }

    @Test func `an operation that was returned since it was found is no orphan any more`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim().count == 1)
            func locked() async throws -> [OperationID] {
                try await cluster.database.withTransaction { transaction in
                    try SessionStatements.lockOrphans([id], ifHeld: .skip, in: transaction).map(\.0)
                }
            }
            #expect(try await locked() == [id])
            #expect(try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass() == 1)
            #expect(try await locked().isEmpty)
        }
    }

    @Test func `a dead session is forgotten after an hour, unless an operation names it`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim().count == 1)
            let named = worker.identity
            try await cluster.openSession(named, node: named.nodeID)
            let others = try await cluster.openSessions(3)
            let (living, recent) = (others[0], others[1])
            try await cluster.execute("UPDATE sessions SET dead = TRUE WHERE id <> \(living)")
            try await cluster.execute(
                "UPDATE sessions SET renewed_at = NOW(6) - INTERVAL 2 HOUR WHERE id <> \(recent)"
            )
            let left = try await cluster.database.withSession { session in
                try SessionStatements.forgetDead(on: session)
                return try session.query("SELECT id FROM sessions").map { try $0.only(SessionID.self) }
            }
            #expect(Set(left) == [named.session, living, recent])
        }
    }

    @Test func `an operation that keeps losing its workers is given up, and counts no attempt`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            for _ in 0...AttemptDecision.deliveriesBeyondFailures {
                var worker = try cluster.worker("h1")
                #expect(try await worker.claim().count == 1)
                try await reaper.pass()
            }
            let operation = try await cluster.operation(id)
            #expect(operation.state == .error && operation.error?.code == "poison" && operation.failures == 0)
        }
    }

    @Test func `looks at the cluster that hang cost neither the session nor its work`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let (log, isHeld) = (EffectLog(), Locked(true))
            let handler = RecordingHandler(
                BuiltInTask.noop.definition,
                log: log,
                wanted: { _ in
                    try await eventually("it may go on") { !isHeld.value }
                    return nil
                }
            )
            let worker = try cluster.liveWorker("h1", handlers: [handler], lease: Self.lease, renew: Self.renew)
            let holder = try await Connection.open(cluster.configuration)
            try await cluster.withWorkers([worker]) {
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                try await eventually("it runs") { log.effects.count == 1 }
                let before = try await cluster.count("SELECT renewals FROM sessions")
                try await holder.withSession { session in
                    // The look reads this table, and nothing else of a worker does.
                    try session.execute("LOCK TABLES nodes WRITE")
                    // A look is given up after a quarter of the lease, and then the session is renewed.
                    try blocking {
                        try await eventually("it is renewed for more than a lease") {
                            try await cluster.count("SELECT renewals FROM sessions") > before + 5
                        }
                    }
                    try session.execute("UNLOCK TABLES")
                }
                isHeld.update { $0 = false }
                #expect(try await cluster.end(of: id).deliveries == 1)
                #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 1)
            }
            await holder.close()
        }
    }

    @Test func `statements of the program's that hold every connection for longer than a lease cost no session`()
        async throws
    {
        try await withCluster(connections: 2) { cluster in
            try await cluster.addNode("h1")
            let beside = Database(cluster.configuration, logger: .silent)
            let renewals: SQL = "SELECT CAST(MAX(renewals) AS SIGNED) FROM sessions"
            @Sendable func count(_ query: SQL) async throws -> Int {
                try await beside.withSession { try $0.query(query)[0].only(Int.self) }
            }
            let worker = try cluster.liveWorker("h1", handlers: [], lease: Self.lease, renew: Self.renew)
            try await cluster.withWorkers([worker]) {
                try await eventually("it has a session") { try await count("SELECT COUNT(*) FROM sessions") == 1 }
                let isHeld = Locked(0)
                try await withThrowingDiscardingTaskGroup { group in
                    for _ in 0..<2 {
                        group.addTask {
                            try await cluster.database.withSession { _ in
                                isHeld.update { $0 += 1 }
                                try blocking {
                                    try await eventually("both are held") { isHeld.value == 2 }
                                    let before = try await count(renewals)
                                    let oneLease = Int(Self.lease / Self.renew)
                                    try await eventually("it is renewed for more than a lease") {
                                        try await count(renewals) > before + oneLease
                                    }
                                }
                            }
                        }
                    }
                }
                #expect(try await count("SELECT COUNT(*) FROM sessions") == 1)
            }
            await beside.close()
        }
    }

    @Test func `a renewal names a session that nobody has marked dead, whatever the database's clock says`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            let identity = try cluster.worker("h1").identity
            try await cluster.openSession(identity, node: node)
            func renew() async throws -> Bool {
                try await cluster.database.withSession { session in
                    try SessionStatements.renew(identity.session, lease: .seconds(10), doorbell: nil, on: session)
                }
            }
            #expect(try await renew())
            try await cluster.execute("UPDATE sessions SET expires_at = NOW(6) - INTERVAL 1 HOUR")
            #expect(try await renew())
            try await cluster.execute("UPDATE sessions SET expires_at = NOW(6) + INTERVAL 1 HOUR, dead = TRUE")
            #expect(try await !renew())
        }
    }

    @Test func `a session names the server that its process uses, from its opening on and anew with each renewal`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            let identity = try cluster.worker("h1").identity
            try await cluster.openSession(identity, node: node)
            func isRight() async throws -> Bool {
                try await cluster.count("SELECT server <=> CONCAT(@@hostname, ':', @@port) FROM sessions") == 1
            }
            #expect(try await isRight())
            try await cluster.execute("UPDATE sessions SET server = 'another'")
            try await cluster.database.withSession { session in
                _ = try SessionStatements.renew(identity.session, lease: .seconds(10), doorbell: nil, on: session)
            }
            #expect(try await isRight())
        }
    }

    @Test func `a session that is renewed after it was seen silent is not marked dead`() async throws {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            let worker = try cluster.worker("h1")
            try await cluster.openSession(worker.identity, node: node)
            let session = worker.identity.session
            func renew() async throws -> Bool {
                try await cluster.database.withSession {
                    try SessionStatements.renew(session, lease: .seconds(10), doorbell: nil, on: $0)
                }
            }
            func markDead(seen renewals: UInt64) async throws -> Bool {
                try await cluster.database.withSession {
                    try SessionStatements.markDead(session, renewals: renewals, on: $0)
                }
            }
            #expect(try await renew())
            #expect(try await !markDead(seen: 0))
            #expect(try await renew())
            #expect(try await markDead(seen: 2))
            #expect(try await !markDead(seen: 2), "once")
        }
    }
}

extension TestCluster {
    func openSession(_ identity: WorkerIdentity, node: NodeID) async throws {
        let opening = SessionStatements.Opening(
            id: identity.session,
            daemon: .queueworker,
            node: node,
            nodeName: identity.node,
            pid: identity.pid,
            slots: 4,
            doorbell: nil,
            lease: .seconds(10)
        )
        try await database.withSession { try SessionStatements.open(opening, on: $0) }
    }
}
