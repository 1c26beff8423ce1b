import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite struct QueueCommandTests {
    @Test func `queue list counts by state, tells the oldest, and which rule pauses a queue`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let first = try await cluster.answer(OperationReceipt.self, "op", "enqueue", "noop").uuid
            _ = try await cluster.answer(OperationReceipt.self, "op", "enqueue", "noop", "--delay", "1h")
            _ = try await cluster.answer(OperationReceipt.self, "op", "enqueue", "noop", "--depends-on", "\(first)")
            _ = try await cluster.answer(
                OperationReceipt.self,
                "op",
                "enqueue",
                "noop",
                "--node",
                "h1",
                "--lane",
                "background"
            )
            try await cluster.execute(
                """
                INSERT INTO queue_pauses VALUES ('h1-*', 'disk swap', 'test', NOW(6)),
                    ('h2-background', 'gone', 'test', NOW(6))
                """
            )
            let run = try await cluster.clusterctl("queue", "list", "-o", "json")
            #expect(try Golden("queue-list").differences(from: run.output) == [])
            let queues = try await cluster.answer(ListView<QueueView>.self, "queue", "list").items
            #expect(queues.map(\.queueName.description) == ["any-user_facing", "h1-background", "h2-background"])
            let any = try #require(queues.first)
            #expect((any.queued, any.delayed, any.blocked, any.executing) == (1, 1, 1, 0))
            #expect(any.oldestSeconds.map { $0 >= 0 } == true && !any.paused && !any.capped)
            #expect(queues[1].paused && queues[1].pausedReason == "disk swap" && queues[1].queued == 1)
            #expect(queues[2].paused && queues[2].queued == 0 && queues[2].oldestSeconds == nil)
        }
    }

    @Test func `queue pause --list says whose each rule is, what it matches, and which ones match nothing`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let own = OperationRequest.Target(node: try NodeName("h1"))
            let noop = BuiltInTask.noop.name
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: own), count: 3)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: own, delay: .seconds(3600)))
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim(1).count == 1)
            for (pattern, reason) in [("h1-*", "disk swap"), ("h7-*", "typo"), ("*", "all")] {
                _ = try await cluster.clusterctl("queue", "pause", pattern, "--reason", reason)
            }
            let list: ListView<QueuePauseUseView> = try await cluster.example(
                "queue-pause-list",
                ["queue", "pause", "--list"],
                alsoAsTable: true
            )
            #expect(list.items.map(\.rule.pattern) == ["*", "h1-*", "h7-*"])
            #expect(list.items.map(\.rule.reason) == ["all", "disk swap", "typo"])
            #expect(list.items.allSatisfy { $0.rule.requester.contains("@") && !$0.capped })
            #expect(list.items.map(\.waiting) == [3, 3, 0] && list.items.map(\.executing) == [1, 1, 0])
            let queues = Lane.allCases.count
            // Those of all nodes, of the elected one, and the node's own of both daemons.
            #expect(list.items.map(\.queues) == [4 * queues, 2 * queues, 0])
            let run = try await cluster.clusterctl("queue", "pause", "--list")
            #expect(run.talk.contains("the cluster has no queue 'h7-*'") && !run.talk.contains("'h1-*'"))
            for bad in [["--list", "h1-*"], ["--list", "--reason", "r"], [], ["h1-*"]] {
                let refused = try await ClusterCtlProgram.run(["queue", "pause"] + bad, on: cluster.configuration)
                #expect(refused.status == 64, "\(bad)")
            }
        }
    }

    @Test func `a count is exact to 10,000 and then capped`() async throws {
        try await withCluster { cluster in
            func any() async throws -> QueueView? {
                try await cluster.answer(ListView<QueueView>.self, "queue", "list").items.first
            }
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 10_000)
            let exact = try #require(try await any())
            #expect(exact.queued == 10_000 && !exact.capped)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            let capped = try #require(try await any())
            #expect(capped.queued == 10_000 && capped.capped)

            // No count reads more of the backlog than its limit: EXPLAIN's only table is the index `claim`.
            let plan = try await cluster.database.withSession { session in
                let query = QueueStatements.countsQuery(of: [exact.queueName], limit: 100)
                return try session.query("EXPLAIN \(sql: query)")
                    .map { try ($0.get("key", as: String?.self), $0.get("Extra", as: String?.self)) }
            }
            let reads = plan.filter { $0.0 != nil }
            #expect(reads.count == 4)
            #expect(reads.allSatisfy { $0.0 == "claim" && $0.1?.contains("filesort") != true }, "\(plan)")
        }
    }

    @Test func `coalescing show tells what became of each task's requests`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let task = "network_apply_update_dnsmasq"
            for extra in [[], [], ["--no-dedup"], ["--parameters", "1"]] {
                let run = try await ClusterCtlProgram.run(
                    ["op", "enqueue", task, "--network", "blue"] + extra,
                    on: cluster.configuration
                )
                #expect(run.status == 0, "\(run.talk)")
            }
            let run = try await cluster.clusterctl("coalescing", "show", "-o", "json")
            #expect(try Golden("coalescing-show").differences(from: run.output, open: [".items[].refused"]) == [])
            let view = try #require(
                try await cluster.answer(ListView<CoalescingView>.self, "coalescing", "show").items.first
            )
            #expect(view.task.description == task && view.requested == 4 && view.deduplicated == 1)
            #expect(view.refused == ["no_dedup": 1, "parameters": 1])
            // What a change of wanted state asks for, in its own transaction, is counted as well.
            for verb in ["add", "remove"] {
                let words = ["network", verb, "green", "--yes"].filter { verb == "remove" || $0 != "--yes" }
                let options = verb == "add" ? ["--vni", "7", "--cidr", "10.7.0.0/24"] : []
                let change = try await ClusterCtlProgram.run(words + options, on: cluster.configuration)
                #expect(change.status == 0, "\(change.talk)")
            }
            let items = try await cluster.answer(ListView<CoalescingView>.self, "coalescing", "show").items
            let changes = items.filter { $0.task != view.task }
            #expect(
                changes.map(\.task.description).sorted() == [
                    "network_apply_create_network_node", "network_apply_remove_dnsmasq",
                ]
            )
            #expect(changes.allSatisfy { $0.requested == 1 })
            #expect(changes.map(\.refused).contains(["callers_transaction": 1]))
        }
    }

    @Test(arguments: [
        ("*", "any-background", true), ("h1-*", "h1-background", true), ("h1-*", "h11-background", false),
        ("*-background", "h1-background", true), ("*-background", "h1-background_high_io", false),
        ("h*-*ground", "h1-network-background", true), ("any-background", "any-background", true),
        ("any-background", "any-background2", false), ("a*a", "a", false), ("", "", true), ("", "a", false),
        ("a**b", "ab", true), ("a*b*c", "a-c-b", false),
    ])
    func `a star stands for any run of characters`(_ pattern: String, _ text: String, _ isMatch: Bool) {
        #expect(Glob(pattern).matches(text) == isMatch)
    }
}
