import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Commands on many operations that are interrupted between two batches, and repeated.
///
/// Somebody else holds a row of the second batch, so the command is in the middle for as long as the test wants.
@Suite(.timeLimit(.minutes(15))) struct BulkInterruptionTests {
    private let noop = BuiltInTask.noop.name

    @Test func `an op cancel that is interrupted leaves whole batches, and repeated cancels the rest`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background), count: 600)
            let words = ["op", "cancel", "--lane", "background", "--yes"]
            // The newest are first.
            let oldest: SQL = "SELECT id FROM work_queue ORDER BY enqueued_at, id LIMIT 1 FOR UPDATE"
            try await cluster.holding(oldest) {
                try await cluster.interrupt(words, at: "500 of 600 cancelled")
                #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 500)
                try await cluster.killInABatch(words)
            }
            let asked: SQL = "SELECT COUNT(*) FROM work_queue WHERE cancel_requested_at IS NOT NULL"
            #expect(try await cluster.count(asked) == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 100)
            let done = try await cluster.answer(BulkCancelView.self, "op", "cancel", "--lane", "background", "--yes")
            #expect(done.matched == 100 && done.cancelled == 100)
            let cancelled: SQL = "SELECT COUNT(*) FROM finished_operations WHERE state = 'cancelled'"
            #expect(try await cluster.count(cancelled) == 600)
            let again = try await cluster.answer(BulkCancelView.self, "op", "cancel", "--lane", "background", "--yes")
            #expect(again.matched == 0 && again.cancelled == 0)
        }
    }

    @Test func `an op retry that is interrupted retries nothing twice when it is repeated, and loses nothing`()
        async throws
    {
        try await withCluster { cluster in
            let last = try await fail(200, on: cluster)
            let words = ["op", "retry", "--error", "boom", "--with-dependents"]
            try await cluster.holding("SELECT id FROM finished_operations WHERE id = \(last) FOR UPDATE") {
                try await cluster.interrupt(words, at: "200 retried, 300 dependents")
                #expect(try await cluster.count("SELECT COUNT(*) FROM retries") == 500)
                try await cluster.killInABatch(words)
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 500)
            let done = try await cluster.answer(
                BulkRetryView.self,
                "op",
                "retry",
                "--error",
                "boom",
                "--with-dependents"
            )
            #expect(done.retried == 0 && done.dependents == 100 && done.refused == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 600)
            #expect(try await cluster.count("SELECT COUNT(DISTINCT retry_of) FROM work_queue") == 600)
            let recorded: SQL = "SELECT COUNT(*) FROM retries AS r JOIN work_queue AS w ON w.id = r.retried_as"
            #expect(try await cluster.count(recorded) == 600)
            #expect(
                try await cluster.count(
                    """
                    SELECT COUNT(*) FROM work_queue AS w JOIN operation_dependencies AS e ON e.dependent = w.id
                        JOIN retries AS r ON r.retried_as = e.dependency
                        JOIN finished_operations AS f ON f.id = w.retry_of
                    WHERE f.depends_on = CONCAT('["', r.operation, '"]')
                    """
                ) == 400,
                "each new dependent waits for the retry of what the old one waited for"
            )
        }
    }

    /// Makes operations that have failed, with two aborted dependents each; returns the dependent that is retried last.
    private func fail(_ count: Int, on cluster: TestCluster) async throws -> OperationID {
        let roots = (0..<count).map { _ in OperationID.new() }
        var requests = roots.map { OperationRequest(tasks: [noop], id: $0) }
        let dependents = roots.map { root in (root, [OperationID.new(), .new()]) }
        for (root, ids) in dependents {
            requests += ids.map { OperationRequest(tasks: [noop], id: $0, dependsOn: [root]) }
        }
        _ = try await cluster.queue.submit(requests)
        var worker = try cluster.worker()
        while true {
            let claims = try await worker.claim(50)
            guard !claims.isEmpty else { break }
            // The last attempt of each.
            try await cluster.execute("UPDATE work_queue SET failures = max_attempts - 1 WHERE state = 'executing'")
            try await worker.settle(claims, .failed(OperationFailure(code: "boom", message: "boom")))
        }
        #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 3 * count)
        return try #require(dependents.last?.1.last)
    }
}

extension TestCluster {
    /// Holds the rows of a locking statement while a body runs.
    func holding(_ statement: SQL, _ body: @escaping @Sendable () async throws -> Void) async throws {
        var configuration = configuration
        // The body takes as long as a busy machine wants.
        configuration.timeouts.idleTransaction = .seconds(900)
        let holder = Database(configuration, logger: .silent)
        do {
            try await holder.withTransaction { transaction in
                _ = try transaction.query(statement)
                try blocking(body)
            }
            await holder.close()
        } catch {
            await holder.close()
            throw error
        }
    }

    /// Presses Ctrl-C when a command shows that it is between two batches.
    fileprivate func interrupt(_ words: [String], at progress: String) async throws {
        let terminal = try PseudoTerminal(
            try BuiltProduct.path("clusterctl"),
            words,
            environment: ClusterCtlProgram.environment(for: configuration)
        )
        try await terminal.until("the first batch is done") { $0.text.contains(progress) }
        terminal.type("\u{3}")
        #expect(try await terminal.end() == 130)
    }

    /// Kills a command while a statement of its transaction waits for the row that is held.
    fileprivate func killInABatch(_ words: [String]) async throws {
        // The server does not notice that a client has gone before its statement has waited for the row in vain.
        try await eventually("no other one waits") { try await waitingStatements() == 0 }
        let program = try await ClusterCtlProgram.start(words, on: self)
        try await eventually("it waits for the row") { try await waitingStatements() > 0 }
        _ = program.signal(SIGKILL)
        #expect(try await program.exit == .signal(SIGKILL))
    }

    /// The statements of this schema's other connections that have run for as long as only those do that wait for a
    /// row.
    ///
    /// (`innodb_trx` would tell, but is renewed for nobody while tests together ask more often than ten times a
    /// second.)
    private func waitingStatements() async throws -> Int {
        try await count(
            """
            SELECT COUNT(*) FROM information_schema.processlist
            WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command <> 'Sleep' AND time_ms > 300
            """
        )
    }
}
