import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct IdleTests {
    @Test func `an idle worker sends two statements a renewal, and nothing else`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            try await cluster.addNode("h1")
            let worker = try cluster.liveWorker("h1", handlers: [], pollInterval: .seconds(2))
            let observer = try await Connection.open(cluster.configuration)
            try await cluster.withWorkers([worker]) {
                try await eventually("the session is open") { try await observer.othersWork().renewals > 1 }
                let before = try await observer.othersWork()
                try await eventually("it was renewed four times") {
                    try await observer.othersWork().renewals >= before.renewals + 4
                }
                let after = try await observer.othersWork()
                let renewals = after.renewals - before.renewals
                // With the default configuration, a renewal every two seconds, that is one statement a second. One more
                // may stand at the window's edge, between a renewal and its look.
                #expect(after.statements - before.statements <= 2 * renewals + 1, "\(before), \(after)")
                #expect(after.statements - before.statements >= renewals, "\(before), \(after)")
            }
            await observer.close()
        }
    }

    @Test func `at rest in a cluster of thousands a worker leaves out renewals and looks, but no work`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            try await cluster.addNode("h1")
            // They are silent, and nobody may find out.
            _ = try await cluster.openSessions(5000, lease: .seconds(3600))
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [NoopHandler()],
                lease: .seconds(10),
                renew: .seconds(1),
                pollInterval: .seconds(1)
            )
            let observer = try await Connection.open(cluster.configuration)
            try await cluster.withWorkers([worker]) {
                // Its first look has to be over, which makes it one of thousands.
                try await eventually("the session is open") { try await observer.othersWork().renewals > 2 }
                let before = try await observer.othersWork()
                try await eventually("it was renewed eight times") {
                    try await observer.othersWork().renewals >= before.renewals + 8
                }
                let after = try await observer.othersWork()
                let renewals = after.renewals - before.renewals
                // Four looks for eight renewals; one more, with what concerns the cluster, which is prepared the first
                // time, and one at the edge.
                #expect(after.statements - before.statements <= renewals + renewals / 2 + 3, "\(before), \(after)")
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                try await eventually("it is complete") { try await cluster.operation(id).state == .complete }
            }
            await observer.close()
        }
    }

    @Test func `a renewal finds work that nobody has rung for`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            // A poll that no test lives to see.
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [NoopHandler()],
                lease: .seconds(5),
                pollInterval: .seconds(3600)
            )
            try await cluster.withWorkers([worker]) {
                try await eventually("the session is open") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions WHERE renewals > 0") == 1
                }
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                try await eventually("it is complete") { try await cluster.operation(id).state == .complete }
            }
        }
    }

    @Test func `a renewal that found nothing was the poll, where polls are no closer than renewals`() {
        let start = ContinuousClock.now
        var poll = IdlePoll(interval: .seconds(2), renewInterval: .seconds(2))
        #expect(poll.isDue(at: start), "nobody has looked yet")
        poll.looked(askedAt: start, foundWork: false)
        #expect(!poll.isDue(at: start + .seconds(3)) && poll.isDue(at: start + .milliseconds(3001)))
        poll.looked(askedAt: start, foundWork: true)
        #expect(poll.isDue(at: start), "what was found may be there still")
        var close = IdlePoll(interval: .milliseconds(500), renewInterval: .seconds(2))
        close.looked(askedAt: start, foundWork: false)
        #expect(close.isDue(at: start + .milliseconds(500)))
    }

    @Test func `the moment of a session's death is known as soon as it falls silent`() {
        var watch = ReaperWatch()
        let (start, id) = (ContinuousClock.now, SessionID.new())
        func look(_ renewals: UInt64, at seconds: Int) -> [SessionID] {
            let sighting = ReaperWatch.Sighting(session: id, renewals: renewals, lease: .seconds(10))
            let time = start + .seconds(seconds)
            return watch.observe(ReaperWatch.Window(following: [sighting]), askedAt: time, answeredAt: time)
        }
        #expect(watch.nextDeath == nil)
        _ = look(1, at: 0)
        _ = look(2, at: 2)
        #expect(watch.nextDeath == start + .seconds(12))
        #expect(look(2, at: 11).isEmpty && watch.nextDeath == start + .seconds(12))
        #expect(look(2, at: 12) == [id])
    }

    @Test(arguments: [30, 20_000])
    func `the look walks through no backlog, and sees what it is for`(rows: Int) async throws {
        try await withCluster { cluster in
            let noop = BuiltInTask.noop.name
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: rows)
            try await cluster.execute("ANALYZE TABLE work_queue")
            let queues = QueueName.claimOrder(targets: [.networkNode, .any])
            let (session, node) = (SessionID.new(), NodeID.new())
            let (plan, read) = try await cluster.database.withTransaction { transaction in
                let queries = [
                    SessionSnapshotStatements.lookQuery(from: session, on: node, into: queues),
                    SessionSnapshotStatements.workQuery(in: queues),
                ]
                let plan = try queries.flatMap { query in
                    try transaction.query("EXPLAIN \(sql: query)").map {
                        (try $0.get("table", as: String?.self), try $0.get("type", as: String?.self))
                    }
                }
                let before = try transaction.reads()
                let seen = try SessionSnapshotStatements.look(
                    from: session,
                    on: node,
                    into: queues,
                    on: transaction.session
                )
                let part = try #require(seen.cluster)
                #expect(seen.hasWork && !part.hasOrphans && !part.hasOverdue && seen.executing.isEmpty)
                #expect(seen.isDraining && !seen.hasNode, "there is no such node")
                let migrator = Migrations.migrator
                #expect(part.schemaVersion == migrator.latest && part.schemaFloor == migrator.planFromNothing.floor)
                return (plan, try transaction.reads() - before)
            }
            for (table, type) in plan where ["work_queue", "w"].contains(table) {
                #expect(type != "ALL" && type != "index", "\(plan)")
            }
            #expect(read < 30, "\(read) rows were read")

            // An executing operation of nobody, and one past its deadline.
            var worker = try cluster.worker()
            #expect(try await worker.claim(1).count == 1)
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) WHERE state = 'queued' LIMIT 1")
            let later = try await cluster.database.withSession { [worker] connection in
                try SessionSnapshotStatements.look(from: worker.identity.session, on: node, into: [], on: connection)
            }
            let part = try #require(later.cluster)
            #expect(part.hasOrphans && part.hasOverdue && !later.hasWork)
            #expect(later.executing.map(\.delivery) == [1])
        }
    }

    @Test func `the look of a netnode tells whom to probe and whether the node may be elected`() async throws {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for number in 1...40 { ids.append(try await cluster.addNode("h\(number)")) }
            try await cluster.execute("UPDATE nodes SET is_network_node = name IN ('h3', 'h39')")
            func look(_ number: Int, prober: String?) async throws -> SessionSnapshot {
                let (id, name) = (ids[number - 1], try prober.map { try NodeName($0) })
                return try await cluster.database.withSession { session in
                    try SessionSnapshotStatements.look(from: .random(), on: id, into: [], prober: name, on: session)
                }
            }
            for number in [1, 3, 8, 9] {
                let (seen, name) = (try await look(number, prober: "h\(number)"), try NodeName("h\(number)"))
                let plan = try await cluster.database.withSession { try DataPlaneStatements.plan(of: name, on: $0) }
                #expect(seen.probePlan == plan && plan?.node.id == ids[number - 1])
                #expect(seen.mayBeElected == (number == 3))
            }
            let wrapped = try #require(try await look(9, prober: "h9").probePlan)
            #expect(wrapped.peers.map(\.name.description) == ["h1", "h10", "h3", "h39"], "the first follow the last")
            #expect(wrapped.peers[0].address == IPv4Address(rawValue: 0x0a00_0001))
            #expect(try await look(3, prober: nil).probePlan == nil)
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h3'")
            #expect(try await !look(3, prober: "h3").mayBeElected, "it is drained")
            #expect(try await look(3, prober: "h99").probePlan == nil, "there is no such node")
        }
    }

    @Test func `a better lane is not waited for when somebody holds the operation`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            func request(_ lane: Lane) throws -> OperationRequest {
                OperationRequest(
                    tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                    target: .init(network: try NetworkName("blue")),
                    lane: lane
                )
            }
            let first = try await cluster.queue.enqueue(try request(.background)).uuid
            let holder = try await Connection.open(cluster.configuration)
            // Whoever waits for the holder waits until the statement is given up, which is an error.
            var patient = cluster.configuration
            patient.timeouts.lockWait = .seconds(3600)
            let database = Database(patient, logger: .silent)
            let queue = OperationQueue(
                database: database,
                requester: "test",
                counters: cluster.counters,
                waker: NoWaker()
            )
            let better = try request(.userWaiting)
            try await holder.withTransaction { transaction in
                try transaction.execute("UPDATE work_queue SET enqueued_at = enqueued_at + INTERVAL 1 SECOND")
                let receipt = try blocking { try await queue.enqueue(better) }
                #expect(receipt.deduplicated && receipt.uuid == first)
                #expect(receipt.queueName.lane == .background, "it stays where it was")
            }
            let receipt = try await queue.enqueue(better)
            #expect(receipt.deduplicated && receipt.queueName.lane == .userWaiting)
            await holder.close()
            await database.close()
        }
    }
}
