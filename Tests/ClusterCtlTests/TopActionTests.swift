import ClusterEngine
import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterStore

/// A person at the keys of `top` on a pseudo-terminal, held against the database.
@Suite(.timeLimit(.minutes(15))) struct TopActionTests {
    /// An operation that is executing, by a worker of a node.
    private func run(on cluster: TestCluster, _ worker: inout TestWorker) async throws -> OperationID {
        let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        _ = try await worker.claim(1)
        return id
    }

    /// An operation that has failed.
    private func fail(on cluster: TestCluster, _ worker: inout TestWorker) async throws -> OperationID {
        let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        try await cluster.execute("UPDATE work_queue SET max_attempts = 1 WHERE id = \(id)")
        let claimed = try await worker.claim(1)
        try await worker.settle(claimed, .failed(OperationFailure(code: "boom", message: "it said no")))
        return id
    }

    private func cancelRequests(of id: OperationID, in cluster: TestCluster) async throws -> Int {
        try await cluster.count("SELECT COUNT(cancel_requested_at) FROM work_queue WHERE id = \(id)")
    }

    private func live(in cluster: TestCluster) async throws -> Int {
        try await cluster.count("SELECT COUNT(*) FROM work_queue")
    }

    @Test func `enter shows the operation as op show does, and it stays up to date`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("hv1")
            var worker = try cluster.worker("hv1")
            let running = try await run(on: cluster, &worker)
            let terminal = try cluster.top()
            try await terminal.until("a page") { $0.text.contains("\n> \("\(running)".prefix(18))") }
            terminal.type("\r")
            try await terminal.until("the operation") {
                $0.text.contains(/attempts +1 of 8/) && $0.text.contains("started executing")
                    && !$0.text.contains("LANE")
            }
            try await cluster.execute("UPDATE work_queue SET requester = 'mallory@elsewhere' WHERE id = \(running)")
            try await terminal.until("a newer state") { $0.text.contains("mallory@elsewhere") }
            terminal.type("\u{1b}")
            try await terminal.until("the lists") { $0.text.contains("LANE") }
            terminal.type("j\r")
            try await terminal.until("the node") { $0.text.contains(/underlay address +10\.0/) }
            terminal.type("?")
            try await terminal.until("the keys") { $0.text.contains("retry the operation, after a question") }
            terminal.type("q")
            #expect(try await terminal.end() == 0)
        }
    }

    @Test func `r retries what failed, once it was confirmed`() async throws {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            let failed = try await fail(on: cluster, &worker)
            let terminal = try cluster.top()
            try await terminal.until("a page") { $0.text.contains("FAILED 1") }
            terminal.type("r")
            try await terminal.until("the question") { $0.text.contains("[y/N] retry operation \(failed) (noop)?") }
            #expect(try await live(in: cluster) == 0)
            terminal.type("n")
            try await terminal.until("that it was not done") { $0.text.contains("nothing was changed") }
            #expect(try await live(in: cluster) == 0)
            terminal.type("r")
            try await terminal.until("the question") { $0.text.contains("[y/N]") }
            terminal.type("y")
            try await terminal.until("that it was done") { $0.text.contains("retried as 01") }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE retry_of = \(failed)") == 1)
            // It is retried once.
            terminal.type("r")
            try await terminal.until("the question") { $0.text.contains("[y/N]") }
            terminal.type("y")
            try await terminal.until("the refusal") { $0.text.contains("was retried already") }
            #expect(try await live(in: cluster) == 1)
            terminal.type("q")
            #expect(try await terminal.end() == 0)
        }
    }

    @Test func `c cancels what runs, once it was confirmed, and what was typed before the question is no answer`()
        async throws
    {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            let running = try await run(on: cluster, &worker)
            let terminal = try cluster.top()
            try await terminal.until("a page") { $0.text.contains("RUNNING 1") }
            terminal.type("cyyy")
            try await terminal.until("the question") { $0.text.contains("[y/N] cancel operation \(running) (noop)?") }
            // A page is drawn anew when something has changed, and so much later than what was typed was read.
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 41)
            try await terminal.until("a newer page") { $0.text.contains(/user_facing[ ]+41[ ]/) }
            #expect(terminal.screen.text.contains("[y/N] cancel"))
            #expect(try await cancelRequests(of: running, in: cluster) == 0)
            terminal.type("y")
            try await terminal.until("that its worker is told") { $0.text.contains("its worker is told to end") }
            #expect(try await cancelRequests(of: running, in: cluster) == 1)
            try await terminal.until("the row") { $0.text.contains("noop (cancelled)") }
            terminal.type("q")
            #expect(try await terminal.end() == 0)
        }
    }

    @Test func `a reader is told in a sentence that it may not`() async throws {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            let failed = try await fail(on: cluster, &worker)
            let user = try await RoleUser.make(
                .reader,
                in: cluster.configuration,
                by: cluster.database,
                on: try PrivateServer.shared
            )
            let terminal = try cluster.top(environment: user.environment)
            try await terminal.until("a page") { $0.text.contains("FAILED 1") }
            terminal.type("r")
            try await terminal.until("the question") { $0.text.contains("[y/N] retry operation \(failed)") }
            terminal.type("y")
            try await terminal.until("the refusal") { $0.text.contains("you are connected as reader: ") }
            #expect(try await live(in: cluster) == 0)
            // It goes on.
            terminal.type("\r")
            try await terminal.until("the operation") { $0.text.contains("boom: it said no") }
            terminal.type("q")
            #expect(try await terminal.end() == 0)
        }
    }

    @Test func `while the database hangs with a change, that is said, and q ends it the second time`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            var worker = try cluster.worker()
            _ = try await run(on: cluster, &worker)
            let terminal = try cluster.top()
            try await terminal.until("a page") { $0.text.contains("RUNNING 1") }
            terminal.type("c")
            try await terminal.until("the question") { $0.text.contains("[y/N]") }
            server.suspend()
            terminal.type("y")
            try await terminal.until("that it is asked") { $0.text.contains("asking the database to cancel") }
            terminal.type("q")
            try await terminal.until("a warning") { $0.text.contains("the database has not answered yet") }
            terminal.type("q")
            #expect(try await terminal.end() == 0)
            server.resume()
        }
    }
}
