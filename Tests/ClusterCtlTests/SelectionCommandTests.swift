import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct SelectionCommandTests {
    private let noop = BuiltInTask.noop.name

    @Test func `every selector finds what it names and nothing else, and they narrow each other`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.register("backup")
            let node = OperationRequest.Target(node: try NodeName("h1"))
            let plain = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let backup = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop, try TaskName("backup")], target: node, lane: .background)
            ).uuid
            let labels = [try OperationLabel("release=42"), try OperationLabel("stage=b")]
            let labelled = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], labels: labels)).uuid
            let old = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            try await cluster.execute(
                """
                UPDATE work_queue SET requester = 'alice@admin', enqueued_at = enqueued_at - INTERVAL 8 DAY
                WHERE id = \(old)
                """
            )
            func found(_ arguments: String...) async throws -> [OperationID] {
                let view = try await cluster.example(
                    of: OperationPageView.self,
                    "op-list",
                    ["op", "list"] + arguments,
                    open: [".items[].timeline[]", ".items[].parameters", ".items[].labels"]
                )
                return view.items.map(\.uuid)
            }
            let all = [labelled, backup, plain, old]
            #expect(try await found() == all)
            #expect(try await found("--task", "backup") == [backup])
            #expect(try await found("--task", "backup", "--task", "noop") == all)
            #expect(try await found("--task", "network_ensure_mesh", "--state", "queued", "--node", "h1") == [])
            #expect(try await found("--lane", "background") == [backup])
            #expect(try await found("--queue", "h1-*") == [backup])
            #expect(try await found("--queue", "any-user*") == [labelled, plain, old])
            #expect(try await found("--queue", "*-background", "--node", "h1") == [backup])
            #expect(try await found("--queue", "any-user_facing", "--node", "h1") == [])
            #expect(try await found("--requester", "alice@admin") == [old])
            #expect(try await found("--older-than", "7d") == [old])
            #expect(try await found("--since", "7d") == [labelled, backup, plain])
            #expect(try await found("--label", "release=42") == [labelled])
            #expect(try await found("--label", "release=42", "--label", "stage=b") == [labelled])
            #expect(try await found("--label", "release=42", "--label", "stage=c") == [])
            #expect(try await found("--label", "release=4") == [])
            // Ended ones are selected alike, and by the error with which they ended.
            for id in all { _ = try await cluster.queue.cancel(id) }
            try await cluster.execute(
                """
                UPDATE finished_operations SET state = 'error', error = '{"code": "boom", "message": "b"}'
                WHERE id = \(plain)
                """
            )
            #expect(try await found("--task", "backup") == [backup])
            #expect(try await found("--lane", "background") == [backup])
            #expect(try await found("--queue", "h1-*", "--state", "cancelled") == [backup])
            #expect(try await found("--requester", "alice@admin", "--older-than", "7d") == [old])
            #expect(try await found("--label", "stage=b") == [labelled])
            #expect(try await found("--error", "boom") == [plain])
            #expect(try await found("--error", "cancelled") == [labelled, backup, old])
            #expect(try await found("--error", "boom", "--state", "cancelled") == [])
        }
    }

    @Test func `op cancel of ten thousand is counted first, asks off a terminal for --yes, and is one command`()
        async throws
    {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background), count: 10_000)
            let other = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let words = ["op", "cancel", "--lane", "background", "--state", "queued"]
            let counted = try await cluster.example(
                of: BulkCancelView.self,
                "op-cancel-selected",
                words + ["--dry-run"],
                alsoAsTable: true
            )
            #expect(counted.dryRun && counted.matched == 10_000 && counted.states["queued"] == 10_000)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 10_001)
            let asked = try await ClusterCtlProgram.run(words, on: cluster.configuration)
            #expect(asked.status == 64 && asked.talk.contains("Cancel 10000 operations (10000 queued)?"))
            let done = try await cluster.example(
                of: BulkCancelView.self,
                "op-cancel-selected",
                words + ["--yes"]
            )
            #expect(!done.dryRun && done.cancelled == 10_000 && done.interrupted == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE id = \(other)") == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1)
            let again = try await cluster.answer(BulkCancelView.self, "op", "cancel", "--lane", "background", "--yes")
            #expect(again.matched == 0 && again.cancelled == 0)
        }
    }

    @Test func `an op cancel that is killed leaves whole batches, and the same command goes on`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background), count: 20_000)
            let words = ["op", "cancel", "--lane", "background", "--yes", "-o", "json"]
            let pid = Locked<Int32?>(nil)
            async let run = ClusterCtlProgram.run(
                words,
                on: cluster.configuration,
                started: { process in pid.update { $0 = process } }
            )
            try await eventually("a batch is cancelled") {
                try await cluster.count("SELECT EXISTS (SELECT 1 FROM finished_operations)") == 1
            }
            kill(try #require(pid.value), SIGKILL)
            let killed = try await run
            #expect(killed.status == -9 && killed.output == "")
            let left = try await cluster.count("SELECT COUNT(*) FROM work_queue")
            let ended = try await cluster.count("SELECT COUNT(*) FROM finished_operations")
            #expect(left > 0 && ended > 0 && left + ended == 20_000 && ended.isMultiple(of: 500))
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE cancel_requested_at IS NOT NULL") == 0
            )
            let done = try await cluster.answer(BulkCancelView.self, "op", "cancel", "--lane", "background", "--yes")
            #expect(done.cancelled == left)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `op retry of a selection tells what it did, what it could not do, and leaves alone what is done`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let root = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background)).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [root])).uuid
            let target = OperationRequest.Target(node: try NodeName("h1"))
            let lost = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: target)).uuid
            _ = try await cluster.queue.cancel(root)
            _ = try await cluster.queue.cancel(lost)
            try await cluster.execute("DELETE FROM nodes")
            let words = ["op", "retry", "--state", "cancelled"]
            let counted = try await cluster.example(
                of: BulkRetryView.self,
                "op-retry-selected",
                words + ["--dry-run", "--with-dependents"],
                alsoAsTable: true
            )
            #expect(counted.dryRun && counted.matched == 2 && counted.states?["cancelled"] == 2)
            #expect(counted.dependents == 1 && counted.retried == 0)
            let run = try await ClusterCtlProgram.run(
                words + ["--with-dependents", "-o", "json"],
                on: cluster.configuration
            )
            #expect(run.status == 1 && run.talk.contains("there is no node 'h1'"), "\(run.talk)")
            #expect(try Golden("op-retry-selected").differences(from: run.output) == [])
            let view = try JSONDecoder().decode(BulkRetryView.self, from: Data(run.output.utf8))
            #expect(view.retried == 1 && view.dependents == 1 && view.refused == 1)
            #expect(view.items.map(\.retryOf) == [root, child] && view.refusals.map(\.uuid) == [lost])
            let shown = try await cluster.answer(OperationView.self, "op", "show", "\(child)")
            #expect(shown.retriedAs == view.items[1].uuid)
            let again = try await cluster.answer(
                BulkRetryView.self,
                "op",
                "retry",
                "\(root)",
                "\(child)",
                "--with-dependents"
            )
            #expect(again.retried == 0 && again.dependents == 0 && again.earlier == 2)
        }
    }

    @Test func `an id may be abbreviated wherever an operation is named, as long as it is unique`() async throws {
        try await withCluster { cluster in
            let ids = ["0190163d-8694-739b-aea5-966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad92"]
            // A caller's id of version 4, which the server stores in another order.
            let random = "beefc0de-8694-439b-aea5-966c26f8ad93"
            for id in ids + [random] {
                let request = OperationRequest(tasks: [noop], id: try OperationID(id))
                _ = try await cluster.queue.enqueue(request)
            }
            let several = try await cluster.clusterctl("op", "show", "0190163d")
            #expect(several.status == 64 && ids.allSatisfy({ several.talk.contains($0) }), "\(several.talk)")
            _ = try await cluster.queue.cancel(try OperationID(ids[0]))
            let ambiguous = try await cluster.clusterctl("op", "cancel", "0190163d-8694-739b-aea5-966c26f8ad9")
            #expect(ambiguous.status == 64 && ambiguous.talk.contains(ids[0]), "live and ended ones count alike")
            try await cluster.execute("DELETE FROM finished_operations")
            for (words, id) in [(["show", "0190"], ids[1]), (["explain", "0190163d-8"], ids[1])] {
                let run = try await ClusterCtlProgram.run(["op"] + words, on: cluster.configuration)
                #expect(run.status == 0 && run.output.contains(id), "\(words): \(run.talk)")
            }
            let child = try await cluster.answer(
                OperationReceipt.self,
                "op",
                "enqueue",
                "noop",
                "--depends-on",
                "0190",
                "--runs-after",
                "BEEFC0DE"
            )
            let operation = try await cluster.operation(child.uuid)
            #expect(operation.dependsOn.map(\.description) == [ids[1]])
            #expect(operation.runsAfter.map(\.description) == [random])
            let cancelled = try await cluster.answer(ListView<CancelView>.self, "op", "cancel", "0190", "beef")
            #expect(cancelled.items.map(\.uuid.description) == [ids[1], random])
            let wait = try await cluster.clusterctl("op", "wait", "0190")
            #expect(wait.status == 1 && wait.talk.contains(ids[1]))
        }
    }

    @Test func `op enqueue --wait prints the operation with its result, and succeeds only if it completes`()
        async throws
    {
        try await withCluster { cluster in
            var worker = try cluster.worker()
            async let waited = cluster.clusterctl("op", "enqueue", "noop", "--wait", "-o", "json")
            var claims: [Claim] = []
            try await eventually("it is enqueued") {
                claims = try await worker.claim()
                return !claims.isEmpty
            }
            try await worker.settle(claims, .succeeded(result: #"{"changed": 3}"#))
            let run = try await waited
            #expect(run.status == 0 && run.talk.contains("is queued in any-user_facing"), "\(run.talk)")
            #expect(
                try Golden("op-show").differences(from: run.output, open: [".timeline[]", ".result", ".labels"]) == []
            )
            let view = try JSONDecoder().decode(OperationView.self, from: Data(run.output.utf8))
            #expect(view.state == .complete && view.result == .object(["changed": .integer(3)]))
            let late = try await cluster.clusterctl("op", "enqueue", "noop", "--wait", "--timeout", "50ms")
            #expect(late.status == 6 && late.talk.contains("(queued) has not ended"), "\(late.talk)")
        }
    }

    @Test func `task list tells what can be enqueued, where, and with what limits`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addSession(on: "h1", leaseSeconds: 60)
            try await cluster.register("backup", coalescible: true)
            let tasks = try await cluster.example(
                of: ListView<TaskView>.self,
                "task-list",
                ["task", "list"],
                alsoAsTable: true
            ).items
            #expect(tasks.count == BuiltInTask.allCases.count + 1 && tasks.map(\.task) == tasks.map(\.task).sorted())
            let backup = try #require(tasks.first { $0.task.description == "backup" })
            #expect(!backup.builtIn && backup.coalescible && backup.maxAttempts == 3 && backup.timeoutSeconds == 60)
            #expect(backup.nodes.isEmpty && backup.needs.isEmpty, "its only worker has no session")
            let mesh = try #require(tasks.first { $0.task.description == "network_ensure_mesh" })
            #expect(mesh.builtIn && mesh.needs == ["network", "node"] && mesh.nodes.map(\.description) == ["h1"])
            #expect(tasks.first { $0.task == noop }?.nodes == [], "no queueworker lives")
        }
    }
}

/// Lists that are watched.
@Suite(.timeLimit(.minutes(15))) struct WatchTests {
    @Test func `a list that is watched shows what comes`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let screen = try PseudoTerminal(
                try BuiltProduct.path("clusterctl"),
                ["node", "list", "--watch"],
                environment: ClusterCtlProgram.environment(for: cluster.configuration)
            )
            defer { kill(screen.pid, SIGKILL) }
            try await screen.until("the first list is shown") { $0.text.contains("h1") }
            try await cluster.addNode("h2")
            try await screen.until("the second list is shown") { $0.text.contains("h2") }
            #expect(screen.screen.text.components(separatedBy: "h1").count == 2, "it is drawn in its place")
        }
    }
}
