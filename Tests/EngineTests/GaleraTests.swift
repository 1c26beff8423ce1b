import ClusterOpsTestKit
import Logging
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// A worker and a caller on a real Galera cluster of three, while its first member is lost in the ways that there are.
@Suite(.serialized, .timeLimit(.minutes(15))) struct GaleraTests {
    /// Ends of operations that show that work goes on.
    private static let progress = 30

    private struct Load: Sendable {
        let galera: PrivateGalera
        let cluster: TestCluster
        let log: EffectLog
        let schema: String
        /// Operations beside those of the load.
        let dependents = Locked(0)
        /// Reads that failed although the next server could have been asked.
        let failedReads = Locked<[String]>([])

        /// The servers that live processes use, and their sessions.
        func sessions() async throws -> (servers: Set<String>, ids: Set<String>) {
            let rows = try await cluster.database.withSession { session in
                try session.query("SELECT server, HEX(id) FROM sessions WHERE dead = FALSE").map {
                    try $0.decode((String, String).self)
                }
            }
            return (Set(rows.map(\.0)), Set(rows.map(\.1)))
        }

        /// Reads what does not change, again and again, until told that it is over.
        func read(until isOver: @Sendable () -> Bool) async {
            while !isOver() {
                do {
                    _ = try await cluster.count("SELECT COUNT(*) FROM nodes")
                } catch let error as DatabaseError where error.isUnreachable {
                    // A command says so, and exits with 5.
                } catch {
                    failedReads.update { $0.append("\(error)") }
                }
                // As often as it takes to meet every moment of an outage.
                try? await Task.sleep(for: .milliseconds(20))
            }
        }

        /// Some of the operations that are left, in words.
        func left() async throws -> [String] {
            try await cluster.database.withSession { session in
                try session.query(
                    "SELECT CONCAT_WS(' ', state, unmet, deliveries, ready_at, NOW(6)) FROM work_queue LIMIT 10"
                ).map { try $0.only() }
            }
        }

        /// Returns once operations have begun after what the caller has just done.
        func goesOn(_ what: String) async throws {
            let before = log.effects.count
            try await eventually("work goes on: \(what)") { log.effects.count >= before + GaleraTests.progress }
        }

        /// Connections to the schema on each member.
        func connections() throws -> [Int] {
            try galera.members.map { member in
                let count = try member.server.client(
                    "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '\(schema)'"
                )
                return Int(count.filter(\.isNumber)) ?? -1
            }
        }

        /// Returns once all connections lead to the first member.
        func returns() async throws {
            try galera.awaitSynced()
            try await eventually("all connections lead to the first member") {
                // Each look starts three programs.
                try await Task.sleep(for: .milliseconds(300))
                let connections = try connections()
                return connections[0] > 0 && connections[1...].allSatisfy { $0 == 0 }
            }
            try await goesOn("on the first member")
            try await eventually("the session names it") {
                try await sessions().servers == [galera.members[0].host.name]
            }
        }
    }

    /// Runs a body while operations are enqueued one after the other and a worker runs them; then each that was
    /// acknowledged has ended well, once.
    private func withLoad(_ body: @Sendable (Load) async throws -> Void) async throws {
        let galera = try PrivateGalera.shared
        try await withCluster(at: galera.configuration()) { cluster in
            try await cluster.addNode("h1")
            let log = EffectLog()
            let handler = RecordingHandler(BuiltInTask.noop.definition, log: log)
            let worker = try cluster.liveWorker("h1", handlers: [handler])
            let load = Load(galera: galera, cluster: cluster, log: log, schema: cluster.configuration.schema ?? "")
            let isOver = Locked(false)
            try await cluster.withWorkers([worker]) {
                async let acknowledged = enqueue(on: cluster) { isOver.value }
                async let reads: Void = load.read { isOver.value }
                do {
                    try await load.goesOn("at first")
                    try await body(load)
                } catch {
                    isOver.update { $0 = true }
                    throw error
                }
                isOver.update { $0 = true }
                let ids = try await acknowledged
                await reads
                do {
                    // What a dependent missed, because its dependency ended on another member meanwhile, is found by
                    // every hundredth look of the one worker that there is.
                    try await eventually("nothing is left", within: .seconds(400)) {
                        try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
                    }
                } catch {
                    Issue.record("left: \(try await load.left())")
                    throw error
                }
                let ended = try await cluster.count(
                    "SELECT COUNT(*) FROM finished_operations WHERE state = 'complete' AND failures = 0"
                )
                let all = try await cluster.count("SELECT COUNT(*) FROM finished_operations")
                #expect(ended == all && all == ids.count + load.dependents.value && ids.count > Self.progress)
                #expect(load.failedReads.value == [])
            }
        }
    }

    /// Enqueues until told that it is over; an answer that does not come is asked for again with the same id.
    private func enqueue(on cluster: TestCluster, until isOver: @Sendable () -> Bool) async throws -> Set<OperationID> {
        var acknowledged: Set<OperationID> = []
        while !isOver() {
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], id: .new())
            while true {
                do {
                    acknowledged.insert(try await cluster.queue.enqueue(request).uuid)
                    break
                } catch let error as ClusterOpsError where error.code == .unreachable {
                    // Nothing tells that a server serves again.
                    try await Task.sleep(for: .milliseconds(50))
                } catch let error as DatabaseError where error.isUnreachable || error.code == .outcomeUnknown {
                    // Nothing tells that a server serves again.
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            // A worker keeps up with that.
            try await Task.sleep(for: .milliseconds(5))
        }
        return acknowledged
    }

    @Test func `what is written to one member is read from the others at once`() async throws {
        let galera = try PrivateGalera.shared
        try await withFreshSchema(at: galera.configuration()) { database, configuration in
            try await database.withSession { _ = try $0.execute("CREATE TABLE facts (id INT PRIMARY KEY)") }
            let readers = galera.members.dropFirst().map { member in
                Database(member.configuration(schema: configuration.schema), logger: .silent)
            }
            for number in 1...20 {
                try await database.withTransaction { try $0.execute("INSERT INTO facts VALUES (\(number))") }
                for reader in readers {
                    let count = try await reader.withSession { session in
                        try session.query("SELECT COUNT(*) FROM facts")[0].only(Int.self)
                    }
                    #expect(count == number)
                }
            }
            for reader in readers { await reader.close() }
        }
    }

    @Test func `a member that loses its quorum is left by whoever is connected to it, or is unreachable`() async throws
    {
        let galera = try PrivateGalera.shared
        let first = galera.members[0]
        try await withFreshSchema(at: galera.configuration()) { database, configuration in
            try await database.withSession { session in
                try session.execute("CREATE TABLE facts (id INT AUTO_INCREMENT PRIMARY KEY)")
                try session.execute("INSERT INTO facts VALUES (NULL)")
            }
            let alone = first.configuration(schema: configuration.schema)
            var pool = Database.PoolConfiguration()
            // A connection that was asked for a sign of life has left before its first statement.
            pool.pingAfter = .seconds(600)
            let users = AccessWay.allCases.map { way in
                AccessUser(
                    way: way,
                    withOthers: Database(configuration, pool: pool, logger: .silent),
                    alone: Database(alone, pool: pool, logger: .silent)
                )
            }
            let writer = Database(alone, logger: .silent)
            let databases = users.flatMap { [$0.withOthers, $0.alone] } + [writer]
            for database in databases { try await database.withSession { _ = try $0.query("SELECT 1") } }

            try first.isolate(true)
            let failures = try await failures(of: writer, until: { first.status("wsrep_ready") == "OFF" })
            #expect(!failures.isEmpty && failures.allSatisfy(\.isUnreachable), "\(failures)")
            for user in users {
                #expect(try await user.way.isAnswered(by: user.withOthers), "\(user.way)")
                let error = await #expect(throws: DatabaseError.self) { try await user.way.isAnswered(by: user.alone) }
                let words = error.map { "\($0)" } ?? ""
                #expect(error?.isUnreachable == true, "\(user.way): \(words)")
                // By its state, and not because it was waited for in vain.
                if user.way == .read { #expect(words.contains("it has no quorum"), "\(words)") }
            }
            try first.isolate(false)
            try galera.awaitSynced()
            for database in databases { await database.close() }
        }
    }

    /// Writes while the members do not know yet which of them are left.
    private func failures(of writer: Database, until isOver: () -> Bool) async throws -> [DatabaseError] {
        var failures: [DatabaseError] = []
        repeat {
            do {
                try await writer.withSession { _ = try $0.execute("INSERT INTO facts VALUES (NULL)") }
            } catch let error as DatabaseError {
                failures.append(error)
            }
        } while !isOver()
        return failures
    }

    /// Of 72, 15 waited for ever when only a lock on one member told of a dependency.
    private static let dependents = 72

    /// In one schema, because it takes a third of the time to make one on three members.
    @Test func `a change of the busiest table stops nothing, and a first member that is lost is gone back to`()
        async throws
    {
        try await withLoad { load in
            try await enqueueOnAnother(load)
            for number in 1...5 {
                try await load.cluster.database.administer("ALTER TABLE work_queue COMMENT = '\(number)'")
                try await load.goesOn("after change \(number)")
            }
            #expect(load.cluster.database.errorCounts[.needsPreparing, default: 0] < 50)

            let first = load.galera.members[0]
            try first.isolate(true)
            try await eventually("it knows that it has no quorum, and answers") { first.status("wsrep_ready") == "OFF" }
            try await load.goesOn("without a first member that has a quorum")
            #expect(try await load.sessions().servers == [load.galera.members[1].host.name])
            try first.isolate(false)
            try await load.returns()

            first.server.suspend()
            try await load.goesOn("beside a first member that hangs")
            first.server.resume()
            try await load.returns()

            let before = try await load.sessions().ids
            try load.galera.members[1].server.stepClock(by: .seconds(8))
            first.server.kill()
            try await load.goesOn("without a first member, by a clock that is ahead")
            #expect(try await load.sessions().ids == before)
            try load.galera.members[1].server.stepClock(by: .zero)
            try first.server.start()
            try await load.returns()
        }
    }

    /// Enqueues each dependent on the second member while the first ends its dependency.
    private func enqueueOnAnother(_ load: Load) async throws {
        let other = Database(load.galera.members[1].configuration(schema: load.schema), logger: .silent)
        let queue = OperationQueue(
            database: other,
            requester: "test",
            counters: load.cluster.counters,
            waker: NoWaker()
        )
        for _ in 0..<Self.dependents {
            let dependency = try await load.cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            _ = try await queue.enqueue(
                OperationRequest(tasks: [BuiltInTask.noop.name], id: .new(), dependsOn: [dependency])
            )
        }
        load.dependents.update { $0 += 2 * Self.dependents }
        await other.close()
    }
}

/// Connections that were there before the outage.
private struct AccessUser {
    let way: AccessWay
    let withOthers: Database
    let alone: Database
}

/// The ways in which a program uses a connection, each with statements that no connection has prepared yet.
private enum AccessWay: CaseIterable {
    case read, lockingRead, write, repeatable, snapshot, transaction, readsBeforeTransaction

    func isAnswered(by database: Database) async throws -> Bool {
        switch self {
        case .read: try await database.withSession { try $0.query("SELECT MIN(id) FROM facts").count == 1 }
        case .lockingRead:
            try await database.withSession { try $0.query("SELECT id FROM facts LIMIT 1 FOR UPDATE").count == 1 }
        case .write: try await database.withSession { try $0.execute("INSERT INTO facts VALUES (NULL)") == 1 }
        case .repeatable:
            try await database.withRepeatableSession { try $0.query("(SELECT MAX(id) FROM facts)").count == 1 }
        case .snapshot: try await database.withSnapshot { try $0.query("SELECT COUNT(*) FROM facts").count == 1 }
        case .transaction:
            try await database.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM facts LOCK IN SHARE MODE")
                return try transaction.execute("INSERT INTO facts VALUES (NULL)") == 1
            }
        case .readsBeforeTransaction:
            try await database.withReadsBeforeTransaction { session in
                _ = try session.query("SELECT SUM(id) FROM facts")
                return try session.transaction { try $0.execute("INSERT INTO facts VALUES (NULL)") == 1 }
            }
        }
    }
}
