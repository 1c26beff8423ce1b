import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import Foundation
import MariaDB
import Testing

@Suite(.timeLimit(.minutes(15))) struct QueueWorkerTests {
    @Test func `a command gets its operation, and its exit code says what became of it`() async throws {
        try await withWorkers(
            tasks: [
                "good": "cat; test \"$CLUSTEROPS_TASK/$CLUSTEROPS_ATTEMPT/$CLUSTEROPS_NODE\" = good/1/h1",
                "bad": "echo first >&2; echo last words >&2; exit 3",
                "later": "test -e \"$0\" && exit 0; touch \"$0\"; exit 75",
            ]
        ) { cluster, workers in
            try await workers.start("h1")
            let good = try await cluster.enqueueEventually("good", parameters: "{\"size\":3}")
            let bad = try await cluster.enqueueEventually("bad")
            let later = try await cluster.enqueueEventually("later")

            let done = try await cluster.end(of: good)
            #expect(done.state == .complete)
            let result = try JSONDecoder().decode(OperationView.self, from: Data((done.result ?? "").utf8))
            #expect(result.uuid == good && result.parameters == .object(["size": .integer(3)]))

            let failed = try await cluster.end(of: bad)
            #expect(failed.state == .error && failed.error?.code == "command_failed" && failed.attempts == 1)
            #expect(failed.error?.stderrTail == "first\nlast words\n")
            #expect(failed.error?.message.contains("3") == true)

            let deferred = try await cluster.end(of: later)
            #expect(deferred.state == .complete && deferred.deferCount == 1 && deferred.failures == 0)
        }
    }

    @Test func `a command past its timeout is ended with its children, and the attempt has failed`() async throws {
        try await withWorkers(
            tasks: ["stuck": "trap '' TERM; setsid sleep 3000 & echo $! > \"$0\"; sleep 3000"],
            timeout: "300ms"
        ) { cluster, workers in
            try await workers.start("h1")
            let id = try await cluster.enqueueEventually("stuck")
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .error && ended.error?.code == "timed_out")
            let pid = try #require(Int32(workers.scratch.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(!ProcessTable.isAlive(pid))
        }
    }

    @Test func `an operation of a worker that was killed runs again elsewhere, and ends exactly once`() async throws {
        try await withWorkers(tasks: ["slow": "echo run >> \"$0\"; test $(wc -l < \"$0\") -gt 1 || sleep 3000"]) {
            cluster,
            workers in
            let first = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("slow")
            try await eventually("it runs") { workers.scratch == "run\n" }
            let claimed = try await cluster.operation(id)
            #expect(claimed.state == .executing && claimed.worker?.pid == Int(first.pid))
            try await workers.start("h2")
            try await eventually("the second worker has its session") {
                try await cluster.count("SELECT COUNT(*) FROM sessions WHERE node_name = 'h2'") == 1
            }
            let renewals: SQL = "SELECT CAST(renewals AS SIGNED) FROM sessions WHERE node_name = 'h2'"
            let before = try await cluster.count(renewals)
            first.signal(SIGKILL)
            let ended = try await cluster.end(of: id)
            let taken = try await cluster.count(renewals) - before
            #expect(ended.state == .complete && ended.worker?.node.description == "h2")
            #expect(ended.deliveries == 2 && ended.attempts == 1 && ended.attemptHistory.map(\.outcome) == [.reaped])
            #expect(workers.scratch == "run\nrun\n")
            // By the survivor's own clock: its lease and two seconds, at two renewals a second.
            #expect(taken <= 8, "\(taken) renewals")
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 1)
            #expect(!ProcessTable.commands().contains { $0.contains(workers.scratchPath) && $0.contains("sleep") })
        }
    }

    @Test func `a worker that was stopped past its lease has lost its commands, and comes back as a new session`()
        async throws
    {
        try await withWorkers(tasks: ["slow": "echo $$ >> \"$0\"; test $(wc -l < \"$0\") -gt 1 || exec sleep 3000"]) {
            cluster,
            workers in
            let first = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("slow")
            try await eventually("it runs") { workers.scratch.contains("\n") }
            let command = try #require(Int32(workers.scratch.split(separator: "\n")[0]))
            first.signal(SIGSTOP)
            try await eventually("its command is ended") { !ProcessTable.isAlive(command) }
            let second = try await workers.start("h2")
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .complete && ended.worker?.node.description == "h2")
            first.signal(SIGCONT)
            try await eventually("it has a new session") {
                try await cluster.count(
                    "SELECT COUNT(*) FROM sessions WHERE node_name = 'h1' AND dead = FALSE AND expires_at > NOW(6)"
                ) == 1
            }
            #expect(try await cluster.operation(id).worker?.node.description == "h2", "the zombie changed nothing")
            #expect(second.isRunning && first.isRunning)
        }
    }

    @Test func `SIGTERM finishes what runs and claims no more, a second one stops at once`() async throws {
        try await withWorkers(tasks: ["held": "echo run >> \"$0\"; while test ! -e \"$0.go\"; do sleep 0.02; done"]) {
            cluster,
            workers in
            let worker = try await workers.start("h1")
            let running = try await cluster.enqueueEventually("held")
            try await eventually("it runs") { workers.scratch == "run\n" }
            worker.signal(SIGTERM)
            try await eventually("it drains") { worker.log.contains("draining") }
            let waiting = try await cluster.enqueueEventually("held")
            _ = FileManager.default.createFile(atPath: workers.scratchPath + ".go", contents: nil)
            #expect(try await worker.end() == 0)
            #expect(try await cluster.operation(running).state == .complete)
            #expect(try await cluster.operation(waiting).state == .queued)
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == 0)

            try FileManager.default.removeItem(atPath: workers.scratchPath + ".go")
            let second = try await workers.start("h1")
            try await eventually("it runs") { workers.scratch == "run\nrun\n" }
            second.signal(SIGTERM)
            try await eventually("it drains") { second.log.contains("draining") }
            second.signal(SIGTERM)
            #expect(try await second.end() == 1)
            try await eventually("nothing of it is left") {
                !ProcessTable.commands().contains { $0.contains(workers.scratchPath) }
            }
        }
    }

    @Test func `while the database is away work goes on, and its outcome is written when it is back`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        let script =
            "echo run >> \"$0\"; while test ! -e \"$0.go\"; do sleep 0.02; done; echo '{\"kept\":true}'; echo end >> \"$0\""
        try await withWorkers(tasks: ["held": script], lease: .seconds(60), on: server) { cluster, workers in
            let worker = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("held")
            try await eventually("it runs") { workers.scratch == "run\n" }
            server.kill()
            _ = FileManager.default.createFile(atPath: workers.scratchPath + ".go", contents: nil)
            try await eventually("it has ended") { workers.scratch == "run\nend\n" }
            try await eventually("the outcome is kept") { worker.log.contains("outcomes are kept") }
            try server.start()
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .complete && ended.deliveries == 1 && ended.result == "{\"kept\":true}\n")
            #expect(worker.isRunning)
        }
    }

    @Test
    func `an outcome that a lost session could not write is written by the next one, and the work not done again`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        let script = "echo run >> \"$0\"; while test ! -e \"$0.go\"; do sleep 0.02; done; echo end >> \"$0\""
        try await withWorkers(tasks: ["held": script], on: server) { cluster, workers in
            let worker = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("held")
            try await eventually("it runs") { workers.scratch == "run\n" }
            server.kill()
            _ = FileManager.default.createFile(atPath: workers.scratchPath + ".go", contents: nil)
            try await eventually("it has ended") { workers.scratch == "run\nend\n" }
            try await eventually("the session is lost") { worker.log.contains("session lost") }
            try server.start()
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .complete && ended.deliveries == 1 && ended.attemptHistory.isEmpty)
            #expect(workers.scratch == "run\nend\n")
            // It says so after the COMMIT that we saw.
            try await eventually("it says so") { worker.log.contains("outcomes of the lost session written") }
        }
    }

    @Test func `a database that hangs costs the session, and the commands end with it`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        let script = "echo $$ >> \"$0\"; test $(wc -l < \"$0\") -gt 1 || exec sleep 3000"
        try await withWorkers(tasks: ["held": script], on: server) { cluster, workers in
            let worker = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("held")
            try await eventually("it runs") { workers.scratch.contains("\n") }
            let command = try #require(Int32(workers.scratch.split(separator: "\n")[0]))
            server.suspend()
            let hung = ContinuousClock.now
            try await eventually("its command is ended") { !ProcessTable.isAlive(command) }
            #expect(ContinuousClock.now - hung < Workers.lease + .seconds(1))
            try await eventually("it knows") { worker.log.contains("losing the session") }
            server.resume()
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .complete && ended.deliveries == 2)
            #expect(worker.isRunning)
        }
    }

    @Test func `a doorbell starts work at once, long before the poll`() async throws {
        try await withWorkers(tasks: [:], poll: "60s") { cluster, workers in
            try await workers.start("h1")
            try await eventually("its doorbell is known") {
                try await cluster.count("SELECT COUNT(*) FROM sessions WHERE doorbell IS NOT NULL") == 1
            }
            let queue = OperationQueue(
                database: cluster.database,
                requester: "test",
                counters: cluster.counters,
                waker: DoorbellWaker(database: cluster.database, sender: DoorbellSender(logger: .silent))
            )
            for _ in 0..<5 {
                let id = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                let ended = try await cluster.end(of: id)
                #expect(try #require(ended.startedAt).seconds(since: ended.enqueuedAt) < 5)
            }
        }
    }

    @Test func `without its node, and without its schema, a worker says so and waits`() async throws {
        try await withFreshSchema { database, configuration in
            let program = try await RunningProgram(
                "queueworker",
                ["run", "--node", "h1"],
                environment: try Workers.environment(configuration, poll: "1s")
            )
            try await eventually("it names the migration") { program.log.contains("clusterctl db migrate") }
            try await database.withSession { _ = try Migrations.migrator.migrate(on: $0, logger: .silent) }
            try await eventually("it names the node") { program.log.contains("clusterctl node add h1") }
            program.signal(SIGTERM)
            #expect(try await program.end() == 0)
        }
        let bad = try await RunningProgram(
            "queueworker",
            ["run", "--node", "any"],
            environment: ["CLUSTEROPS_DATABASE_SOCKET": "/tmp/x"]
        )
        #expect(try await bad.end() == 64)
        #expect(bad.log.contains("any"))
    }
}
