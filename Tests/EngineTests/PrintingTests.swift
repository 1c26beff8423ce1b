import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The output of commands: what is written when, by whom, and for how long it is kept.
@Suite(.timeLimit(.minutes(15))) struct PrintingTests {
    private func tail(_ text: String, of total: Int? = nil, place: Int = 0) -> OutputTail {
        OutputTail(place: place, stream: .stdout, bytes: Array(text.utf8), total: total ?? text.utf8.count)
    }

    private func printed(_ claim: Claim, _ tail: OutputTail) -> OutputStatements.Printed {
        .init(operation: claim.operation.id, delivery: claim.operation.deliveries, tail: tail)
    }

    private func entry(_ claim: Claim, _ report: AttemptReport, _ output: OutputTail...) -> Settling.Entry {
        Settling.Entry(
            id: claim.operation.id,
            delivery: claim.operation.deliveries,
            report: report,
            output: output
        )
    }

    @Test func `output is written with the outcome, and a write that comes late changes nothing`() async throws {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let claim = try #require(try await worker.claim().first)
            let writing = OutputWriting(database: cluster.database)
            try await writing.write([printed(claim, tail("first"))], of: worker.identity.session)
            #expect(try await cluster.kept(id) == ["1 stdout 5 first"])
            // A write that was overtaken on its way.
            try await writing.write([printed(claim, tail("fir"))], of: worker.identity.session)
            #expect(try await cluster.kept(id) == ["1 stdout 5 first"])
            _ = try await worker.settling.settle(
                [entry(claim, .succeeded(result: nil), tail("first last"))],
                of: worker.identity.session
            )
            #expect(try await cluster.operation(id).state == .complete)
            #expect(try await cluster.kept(id) == ["1 stdout 10 first last"])
            try await writing.write([printed(claim, tail("first and later"))], of: worker.identity.session)
            #expect(try await cluster.kept(id) == ["1 stdout 10 first last"], "the operation is not its own any more")
        }
    }

    @Test func `a session writes no output of a claim that it has lost`() async throws {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            try await cluster.addNode("h2")
            var (first, second) = (try cluster.worker("h1"), try cluster.worker("h2"))
            try await cluster.openSession(first.identity, node: node)
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let lost = try #require(try await first.claim().first)
            let writing = OutputWriting(database: cluster.database)
            try await writing.write([printed(lost, tail("begun"))], of: first.identity.session)
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            _ = try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            let claim = try #require(try await second.claim().first)
            #expect(claim.operation.deliveries == 2)
            try await writing.write([printed(lost, tail("begun, and on"))], of: first.identity.session)
            let result = try await first.settling.settle(
                [entry(lost, .succeeded(result: nil), tail("begun, and done"))],
                of: first.identity.session
            )
            #expect(result.superseded == [id])
            #expect(try await cluster.kept(id) == ["1 stdout 5 begun"], "what was written before the death stays")
            // The delivery of another one, by a session that does not have it.
            try await writing.write([printed(claim, tail("forged"))], of: first.identity.session)
            #expect(try await cluster.kept(id) == ["1 stdout 5 begun"])
            _ = try await second.settling.settle(
                [entry(claim, .succeeded(result: nil), tail("anew"))],
                of: second.identity.session
            )
            #expect(try await cluster.kept(id) == ["1 stdout 5 begun", "2 stdout 4 anew"])
        }
    }

    @Test func `writes of running commands and outcomes at the same time end without loss`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 20)
            var worker = try cluster.worker()
            let claims = try await worker.claim(20)
            #expect(claims.count == 20)
            let (session, settling) = (worker.identity.session, worker.settling)
            let writing = OutputWriting(database: cluster.database)
            try await withThrowingDiscardingTaskGroup { group in
                for length in 1...10 {
                    let writes = claims.shuffled().map { printed($0, tail(String(repeating: "x", count: length))) }
                    group.addTask { try await writing.write(writes, of: session) }
                }
                let entries = claims.map { entry($0, .succeeded(result: nil), tail(String(repeating: "x", count: 11))) }
                group.addTask {
                    var left = entries
                    while !left.isEmpty {
                        try Task.checkCancellation()
                        let locked = try await settling.settle(left, of: session).locked
                        left.removeAll { !locked.contains($0.id) }
                    }
                }
            }
            let whole = try await cluster.count(
                "SELECT COUNT(*) FROM attempt_outputs WHERE total_bytes = 11 AND OCTET_LENGTH(tail) = 11"
            )
            #expect(whole == 20)
        }
    }

    @Test func `an operation without output costs its end no statement more`() async throws {
        try await withCluster(connections: 1) { cluster in
            func statements(_ output: [OutputTail]) async throws -> Int {
                var worker = try cluster.worker()
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
                let claim = try #require(try await worker.claim().first)
                let entry = Settling.Entry(
                    id: claim.operation.id,
                    delivery: 1,
                    report: .succeeded(result: nil),
                    output: output
                )
                let before = try await cluster.statementsSent()
                _ = try await worker.settling.settle([entry], of: worker.identity.session)
                return try await cluster.statementsSent() - before
            }
            let plain = try await statements([])
            #expect(try await statements([]) == plain)
            #expect(try await statements([tail("x"), tail("y", place: 1)]) == plain + 1, "one for both streams")
        }
    }

    @Test func `the output of the last attempts is kept, and goes with the operation from history`() async throws {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            for delivery in 1...12 {
                let claim = try #require(try await worker.claim().first)
                let report: AttemptReport = delivery < 12 ? .handedBack : .succeeded(result: nil)
                _ = try await worker.settling.settle(
                    [entry(claim, report, tail("\(delivery)"))],
                    of: worker.identity.session
                )
            }
            let deliveries = try await cluster.database.withSession { try OutputStatements.deliveries(of: id, on: $0) }
            #expect(deliveries == Array(3...12))
            try await cluster.execute("UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL 2 HOUR")
            let keeper = HistoryKeeper(database: cluster.database, retention: .seconds(3600), logger: .silent)
            #expect(try await keeper.forgetBatch() == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM attempt_outputs") == 0)
        }
    }

    @Test func `the schema refuses a longer tail, one that is longer than the whole, and other streams`() async throws {
        try await withCluster { cluster in
            let forbidden: [SQL] = [
                "INSERT INTO attempt_outputs VALUES (UUID(), 1, 0, 'stdout', REPEAT('x', 65537), 65537)",
                "INSERT INTO attempt_outputs VALUES (UUID(), 1, 0, 'stdout', 'xy', 1)",
                "INSERT INTO attempt_outputs VALUES (UUID(), 1, 0, 'stdlog', 'x', 1)",
            ]
            for statement in forbidden {
                let error = await #expect(throws: DatabaseError.self, "\(statement.text)") {
                    try await cluster.execute(statement)
                }
                #expect(error?.code == .checkViolated, "\(statement.text)")
            }
            try await cluster.execute(
                "INSERT INTO attempt_outputs VALUES (UUID(), 1, 0, 'stdout', REPEAT('x', 65536), 65536)"
            )
        }
    }

    @Test(arguments: [30, 20_000])
    func `output is found and deleted by its key, on small and large tables alike`(rows: Int) async throws {
        try await withCluster { cluster in
            try await cluster.execute(
                """
                INSERT INTO attempt_outputs
                SELECT UUID(), 1, 0, 'stdout', 'x', 1 FROM seq_1_to_20000 WHERE seq <= \(rows)
                """
            )
            try await cluster.execute("ANALYZE TABLE attempt_outputs")
            let id = OperationID.new()
            let statements: [SQL] = [
                "DELETE FROM attempt_outputs WHERE operation = \(id)",
                "DELETE FROM attempt_outputs WHERE operation = \(id) AND delivery <= 2",
                "SELECT task_place, stream, total_bytes FROM attempt_outputs WHERE operation = \(id) AND delivery = 1",
            ]
            for statement in statements {
                let plan = try await cluster.explain(statement)
                #expect(plan.allSatisfy { $0.key == "PRIMARY" && !$0.sorts && $0.type != "index" }, "\(plan)")
            }
        }
    }

    // MARK: The pace

    private let now = SuspendingClock.now

    private func key(_ stream: StandardStream = .stdout, of id: OperationID = Self.id) -> PrintingPace.Key {
        PrintingPace.Key(operation: id, place: 0, stream: stream)
    }

    private static let id = OperationID.new()

    @Test func `a stream is written at once when it begins, and then once a second while it grows`() {
        var pace = PrintingPace()
        #expect(pace.due([(key(), 3)], at: now) == [key()])
        pace.wrote(key(), total: 3, at: now)
        #expect(pace.hasAll(key(), total: 3) && !pace.hasAll(key(), total: 4))
        #expect(pace.due([(key(), 9)], at: now + .milliseconds(999)).isEmpty)
        #expect(pace.due([(key(), 3)], at: now + .seconds(60)).isEmpty)
        #expect(pace.due([(key(), 9)], at: now + .seconds(1)) == [key()])
        pace.forget(Self.id)
        #expect(!pace.hasAll(key(), total: 3))
    }

    @Test func `a worker writes at a bounded rate, and every stream has its turn`() {
        let keys = (0..<40).map { _ in key(of: .new()) }
        var (pace, now) = (PrintingPace(), now)
        var (seen, bytes) = (Set<PrintingPace.Key>(), 0)
        let begun = now
        for turn in 1...40 {
            let due = pace.due(keys.map { ($0, turn * 1_000_000) }, at: now)
            seen.formUnion(due)
            for key in due { pace.wrote(key, total: turn * 1_000_000, at: now) }
            let written = due.count * OutputTail.mostBytes
            bytes += written
            now += PrintingPace.pause
        }
        #expect(seen == Set(keys))
        #expect(Double(bytes) <= 262_144 * ((now - begun) / .seconds(1)), "256 KiB a second")
    }

    @Test func `an attempt ends with the output that is not written yet`() {
        let ledger = PrintingLedger()
        let output = ledger.start(Self.id, delivery: 3)
        #expect(ledger.isEmpty && ledger.due(at: now).isEmpty)
        output.add(Printer(stdout: "out", stderr: ""), at: 0)
        output.add(Printer(stdout: "", stderr: "err"), at: 1)
        #expect(!ledger.isEmpty)
        let due = ledger.due(at: now)
        #expect(Set(due.map { "\($0.delivery) \($0.tail.place) \($0.tail.stream)" }) == ["3 0 stdout", "3 1 stderr"])
        ledger.wrote(due.filter { $0.tail.place == 0 }, at: now)
        #expect(ledger.finish(Self.id).map(\.place) == [1])
        #expect(ledger.isEmpty && ledger.finish(Self.id).isEmpty)
    }

    private struct Printer: PrintingCommand {
        let stdout: String
        let stderr: String

        func total(of stream: StandardStream) -> Int { tail(of: stream).total }

        func tail(of stream: StandardStream) -> (bytes: [UInt8], total: Int) {
            let bytes = Array((stream == .stdout ? stdout : stderr).utf8)
            return (bytes, bytes.count)
        }
    }
}

extension TestCluster {
    /// The kept output of an operation.
    fileprivate func kept(_ id: OperationID) async throws -> [String] {
        try await database.withSession { session in
            try session.query(
                """
                SELECT CONCAT(delivery, ' ', stream, ' ', total_bytes, ' ',
                    CONVERT(tail USING utf8mb4) COLLATE utf8mb4_bin)
                FROM attempt_outputs WHERE operation = \(id) ORDER BY delivery, task_place, stream
                """
            ).map { try $0.only() }
        }
    }

    /// Statements that the one connection has sent.
    fileprivate func statementsSent() async throws -> Int {
        try await database.withSession { session in
            try session.query("SHOW SESSION STATUS LIKE 'Com_stmt_execute'")
                .map { try Int($0.decode((String, String).self).1) ?? 0 }.reduce(0, +)
        }
    }
}
