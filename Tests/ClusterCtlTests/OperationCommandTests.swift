import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

@Suite struct OperationCommandTests {
    @Test func `op enqueue answers with the operation that does the work, and op show tells all of it`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let arguments = [
                "op", "enqueue", "network_ensure_mesh", "--network", "blue", "--node", "h1", "--lane", "background",
                "-o", "json",
            ]
            let first = try await ClusterCtlProgram.run(arguments, on: cluster.configuration)
            try #require(first.status == 0, "\(first.talk)")
            #expect(try Golden("op-enqueue").differences(from: first.output) == [])
            let receipt = try JSONDecoder().decode(OperationReceipt.self, from: Data(first.output.utf8))
            #expect(receipt.queueName.description == "h1-network-background" && !receipt.deduplicated)

            let again = try await cluster.answer(
                OperationReceipt.self,
                "op",
                "enqueue",
                "network_ensure_mesh",
                "--network",
                "blue",
                "--node",
                "h1"
            )
            #expect(again.uuid == receipt.uuid && again.deduplicated)
            #expect(again.queueName.description == "h1-network-user_facing")

            let show = try await cluster.clusterctl("op", "show", "\(receipt.uuid)", "-o", "json")
            #expect(try Golden("op-show").differences(from: show.output, open: [".timeline[]", ".labels"]) == [])
            let view = try JSONDecoder().decode(OperationView.self, from: Data(show.output.utf8))
            #expect(view.requests == 2 && view.state == .queued && view.waitSeconds == nil && view.worker == nil)
            #expect(view.timeline.map(\.event) == [.enqueued, .ready, .deduplicated])
            #expect(view.requester.contains("@"))
        }
    }

    @Test func `the requester is who called sudo`() async throws {
        try await withCluster { cluster in
            let run = try await cluster.clusterctl(
                "op",
                "enqueue",
                "noop",
                "-o",
                "json",
                environment: ["SUDO_USER": "alice"]
            )
            let receipt = try JSONDecoder().decode(OperationReceipt.self, from: Data(run.output.utf8))
            #expect(try await cluster.operation(receipt.uuid).requester.hasPrefix("alice@"))
        }
    }

    @Test func `a timeline tells attempts, starts with their waiting time, and the end`() async throws {
        try await withCluster { cluster in
            try await cluster.register("restart_agent", attempts: 2)
            let receipt = try await cluster.answer(
                OperationReceipt.self,
                "op",
                "enqueue",
                "restart_agent",
                "--parameters",
                "{\"force\": [1, 2.5, null]}"
            )
            var worker = try cluster.worker(commands: ["restart_agent"])
            let failure = OperationFailure(code: "command_failed", message: "exit code 1", stderrTail: "no space\n")
            for report in [AttemptReport.deferred, .failed(failure), .failed(failure)] {
                try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6) WHERE id = \(receipt.uuid)")
                let claims = try await worker.claim()
                #expect(claims.count == 1)
                try await worker.settle(claims, report)
            }
            let view = try await cluster.answer(OperationView.self, "op", "show", "\(receipt.uuid)")
            #expect(
                view.timeline.map(\.event) == [
                    .enqueued, .claimed, .startedExecuting, .deferred, .claimed, .startedExecuting, .attemptFailed,
                    .ready, .claimed, .startedExecuting, .attemptFailed, .ended,
                ]
            )
            let starts = view.timeline.filter { $0.event == .startedExecuting }
            #expect(starts.map { $0.details["defer_count"] } == [.integer(0), .integer(1), .integer(1)])
            #expect(starts.allSatisfy { $0.details["queue_name"] == .string("any-user_facing") })
            #expect(view.state == .error && view.attempts == 2 && view.deliveries == 3 && view.deferCount == 1)
            #expect(view.error == failure && view.attemptHistory.count == 2)
            let waits = view.attemptHistory.map { $0.startedAt?.seconds(since: $0.readyAt ?? view.enqueuedAt) ?? -1 }
            let last = try #require(view.startedAt?.seconds(since: view.readyAt))
            #expect(waits.allSatisfy { $0 >= 0 })
            // The sum of fractions differs from the fraction of a sum of microseconds, by much less than one of them.
            let waited = try #require(view.waitSeconds)
            #expect(abs(waited - waits.reduce(last, +)) < 0.000_000_5)
            #expect(starts.last?.details["wait_seconds"] == view.waitSeconds.map(JSONValue.number))
            #expect(
                view.parameters == .object(["force": .array([.integer(1), .number(2.5), .null])])
            )
            // The examples hold for an ended operation too, in the list as well.
            for command in [["show", "\(receipt.uuid)"], ["list"]] {
                let run = try await ClusterCtlProgram.run(["op"] + command + ["-o", "json"], on: cluster.configuration)
                let open = Set([".timeline[]", ".parameters", ".labels"].flatMap { [$0, ".items[]\($0)"] })
                #expect(try Golden("op-\(command[0])").differences(from: run.output, open: open) == [])
                let table = try await ClusterCtlProgram.run(["op"] + command, on: cluster.configuration)
                #expect(table.status == 0 && table.output.contains("restart_agent"))
            }
        }
    }

    @Test func `a follower's start is its primary's, while it rides and after`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let task = "network_apply_update_dnsmasq"
            var ids: [OperationID] = []
            for _ in 0..<2 {
                ids.append(
                    try await cluster.answer(
                        OperationReceipt.self,
                        "op",
                        "enqueue",
                        task,
                        "--network",
                        "blue",
                        "--no-dedup"
                    ).uuid
                )
            }
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let primary = try #require(claims.first).operation.id
            let follower = try #require(ids.first { $0 != primary })
            let riding = try await cluster.answer(OperationView.self, "op", "show", "\(follower)")
            let running = try await cluster.answer(OperationView.self, "op", "show", "\(primary)")
            #expect(riding.state == .folded && riding.foldedInto == primary && running.followers == [follower])
            #expect(riding.startedAt != nil && riding.startedAt == running.startedAt)
            #expect(riding.waitSeconds == running.startedAt?.seconds(since: riding.readyAt))
            #expect(riding.worker == running.worker && running.worker != nil)

            try await worker.settle(claims, .succeeded(result: "{\"changed\": 3}"))
            let ended = try await cluster.answer(OperationView.self, "op", "show", "\(follower)")
            #expect(ended.state == .complete && ended.startedAt == running.startedAt)
            #expect(ended.timeline.map(\.event) == [.enqueued, .ready, .folded, .ended])
            #expect(ended.result == .object(["changed": .integer(3)]))
            let list = try await cluster.answer(ListView<OperationView>.self, "op", "list", "--state", "complete")
            #expect(list.items.map(\.uuid) == ids.reversed())
            #expect(list.items.first { $0.uuid == primary }?.followers == [follower])
        }
    }

    @Test func `op enqueue --count makes many operations, and op list shows the newest`() async throws {
        try await withCluster { cluster in
            let bulk = try await cluster.clusterctl("op", "enqueue", "noop", "--count", "2500", "-o", "json")
            #expect(try Golden("op-enqueue-count").differences(from: bulk.output) == [])
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 2500)
            let newest = try await cluster.answer(
                ListView<OperationView>.self,
                "op",
                "list",
                "--limit",
                "3",
                "--queue",
                "any-user_facing",
                "--since",
                "1h",
                "--state",
                "queued"
            )
            #expect(newest.items.count == 3)
            #expect(newest.items.map(\.uuid) == newest.items.map(\.uuid).sorted().reversed())
            let none = try await cluster.clusterctl("op", "list", "--node", "h9", "-o", "json")
            #expect(none.status == 3 && none.output == "" && none.talk.contains("'h9'"), "\(none.talk)")
        }
    }

    @Test func `op wait succeeds only if all complete`() async throws {
        try await withCluster { cluster in
            let done = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker()
            _ = try await worker.drain()
            let late = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid

            let complete = try await cluster.clusterctl("op", "wait", "\(done)", "-o", "json")
            #expect(complete.status == 0)
            #expect(try Golden("op-wait").differences(from: complete.output) == [])

            let timeout = try await cluster.clusterctl("op", "wait", "\(done)", "\(late)", "--timeout", "50ms")
            #expect(timeout.status == 6 && timeout.talk.contains("\(late) (queued)"), "\(timeout.talk)")
            let unknown = OperationID.new()
            let missing = try await cluster.clusterctl("op", "wait", "\(done)", "\(unknown)")
            #expect(missing.status == 3 && missing.talk.contains("\(unknown)") && missing.output == "")

            // Ends while it is waited for.
            async let awaited = cluster.clusterctl("op", "wait", "\(late)", "--timeout", "30s")
            let claims = try await worker.claim()
            let failure = OperationFailure(code: "boom", message: "boom")
            try await worker.settle(claims, .failed(failure))
            try await cluster.execute("UPDATE work_queue SET max_attempts = 1, ready_at = NOW(6)")
            try await worker.settle(try await worker.claim(), .failed(failure))
            let failed = try await awaited
            #expect(failed.status == 1 && failed.talk.contains("\(late) (error)"), "\(failed.talk)")
        }
    }

    @Test func `an interrupted wait ends with 130`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let before = try await cluster.connections()
            let run = try await ClusterCtlProgram.run(
                ["op", "wait", "\(id)"],
                on: cluster.configuration,
                started: { process in
                    Task {
                        // It is waiting for sure once it has a connection.
                        while try await cluster.connections() == before { try await Task.sleep(for: .milliseconds(5)) }
                        kill(process, SIGINT)
                    }
                }
            )
            #expect(run.status == 130)
        }
    }
}

extension TestCluster {
    /// Connections to this schema, this process's among them.
    fileprivate func connections() async throws -> Int {
        try await count("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
    }
}
