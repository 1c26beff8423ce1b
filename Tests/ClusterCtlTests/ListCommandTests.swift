import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct ListCommandTests {
    private func page(_ cluster: TestCluster, _ arguments: [String]) async throws -> OperationPageView {
        try await cluster.example(
            "op-list",
            ["op", "list"] + arguments,
            open: [".items[].timeline[]", ".items[].parameters", ".items[].labels"]
        )
    }

    /// All that a filter finds, page by page.
    private func all(_ cluster: TestCluster, _ arguments: [String]) async throws -> (ids: [OperationID], pages: Int) {
        var (ids, pages): ([OperationID], Int) = ([], 0)
        var next: OperationID?
        repeat {
            let answer = try await page(cluster, arguments + (next.map { ["--after", "\($0)"] } ?? []))
            ids += answer.items.map(\.uuid)
            next = answer.next
            pages += 1
        } while next != nil
        return (ids, pages)
    }

    @Test func `pages show every operation once, also those that end between two pages`() async throws {
        try await withCluster { cluster in
            let noop = OperationRequest(tasks: [BuiltInTask.noop.name])
            _ = try await cluster.queue.enqueue(noop, count: 25)
            var worker = try cluster.worker()
            let claims = try await worker.claim(12)
            try await worker.settle(Array(claims.prefix(7)), .succeeded(result: nil))

            let first = try await page(cluster, ["--limit", "10"])
            let next = try #require(first.next)
            #expect(first.items.count == 10 && next == first.items.last?.uuid)
            // The rest ends, and more is enqueued: the second page stands where it stood.
            try await worker.settle(Array(claims.dropFirst(7)), .succeeded(result: nil))
            _ = try await cluster.queue.enqueue(noop, count: 5)
            let second = try await page(cluster, ["--limit", "100", "--after", "\(next)"])
            let ids = (first.items + second.items).map(\.uuid)
            #expect(ids.count == 25 && ids == ids.sorted().reversed() && Set(ids).count == 25 && second.next == nil)

            let (whole, pages) = try await all(cluster, ["--limit", "7"])
            #expect(whole.count == 30 && Set(whole).count == 30 && pages == 5)
            let talk = try await cluster.clusterctl("op", "list", "--limit", "1").talk
            #expect(talk.contains("--after \(try #require(whole.first))"), "\(talk)")
            let unknown = try await cluster.clusterctl("op", "list", "--after", "\(OperationID.new())")
            #expect(unknown.status == 3 && unknown.output == "")
        }
    }

    @Test func `every filter finds what it names and nothing else`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let noop = [BuiltInTask.noop.name]
            let plain = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            let node = OperationRequest.Target(network: nil, node: try NodeName("h1"), interface: nil)
            let onNode = try await cluster.queue.enqueue(
                OperationRequest(tasks: noop, target: node, lane: .background)
            ).uuid
            let ofNetwork = try await cluster.queue.enqueue(
                OperationRequest(
                    tasks: [try TaskName("network_remove_dhcp_lease")],
                    target: .init(network: try NetworkName("blue"))
                )
            ).uuid
            let blocked = try await cluster.queue.enqueue(OperationRequest(tasks: noop, dependsOn: [plain])).uuid
            func found(_ arguments: String...) async throws -> [OperationID] { try await all(cluster, arguments).ids }
            #expect(try await found("--node", "h1") == [onNode])
            #expect(try await found("--network", "blue") == [ofNetwork])
            #expect(try await found("--queue", "h1-background") == [onNode])
            #expect(try await found("--state", "blocked") == [blocked])
            #expect(try await found("--state", "queued", "--queue", "any-user_facing") == [plain])
            var worker = try cluster.worker(queues: ["h1-background"])
            let claims = try await worker.claim()
            #expect(try await found("--state", "executing") == [onNode])
            #expect(try await found("--state", "executing", "--network", "blue") == [])
            try await worker.settle(claims, .succeeded(result: nil))
            #expect(try await found("--state", "complete") == [onNode])
            #expect(try await found("--node", "h1", "--state", "complete", "--state", "queued") == [onNode])
            #expect(try await found("--queue", "h1-background", "--since", "1h") == [onNode])
            #expect(try await found("--since", "1ms") == [])
            #expect(try await found().count == 4)
        }
    }

    @Test func `what is rare is found in steps of a bounded cost, and every page says where it goes on`() async throws {
        try await withCluster { cluster in
            let bound = OperationListStatements.mostExamined.ended
            let rare = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            try await worker.settle(claims, .failed(OperationFailure(code: "boom", message: "boom")))
            _ = try await cluster.queue.cancel(rare)
            try await cluster.fillHistory(bound + 1000)
            let first = try await page(cluster, ["--state", "cancelled"])
            #expect(first.items.isEmpty)
            let (ids, pages) = try await all(cluster, ["--state", "cancelled"])
            #expect(ids == [rare] && pages == 2)
        }
    }

    @Test(arguments: [30, 20_000])
    func `lists are read by ranges of their index, without a sort, and without the rows of what has ended`(
        rows: Int
    ) async throws {
        try await withCluster { cluster in
            try await cluster.fillHistory(rows)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: rows)
            for table: SQL in ["work_queue", "finished_operations"] {
                _ = try await cluster.database.withSession { try $0.query("ANALYZE TABLE \(sql: table)") }
            }
            let oldest = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM finished_operations LIMIT 1")[0].only(OperationID.self)
            }
            let key = try await cluster.database.withSession { try OperationListStatements.key(of: oldest, on: $0) }
            func filter(_ states: Set<OperationState>) throws -> OperationFilter {
                var selector = OperationSelector()
                selector.states = states
                selector.network = try NetworkName("blue")
                selector.queue = try QueuePattern("h1-*")
                selector.lanes = [.background, .userFacing]
                selector.since = .seconds(3600)
                return OperationFilter(selector)
            }
            let queries: [SQL] = [
                OperationListStatements.endedQuery(try filter([.error]), after: key),
                OperationListStatements.endedQuery(try filter([.complete, .error]), after: nil, downTo: key),
                OperationListStatements.horizonQuery(of: .ended, after: key, looking: 1000),
                OperationListStatements.horizonQuery(of: .live, after: key, looking: 1000),
                OperationListStatements.liveQuery(try filter([.blocked]), after: key, by: "work_by_age"),
            ]
            for query in queries {
                let lines = try await cluster.database.withSession { session in
                    try session.query("EXPLAIN \(sql: query)").map { row in
                        (
                            try row.get("type", as: String?.self), try row.get("key", as: String?.self),
                            try row.get("Extra", as: String?.self) ?? ""
                        )
                    }
                }
                for (type, index, extra) in lines {
                    let isLive = index == "work_by_age"
                    #expect(isLive || (index == "finished_list" && extra.contains("Using index")), "\(lines)")
                    #expect((type == "range" || type == "index") && !extra.contains("filesort"), "\(lines)")
                }
            }
            let waits = WaitStatements.classesQuery(since: .seconds(3600))
            let plan = try await cluster.database.withSession { session in
                try session.query("EXPLAIN \(sql: waits)").map { row in
                    "\(try row.get("table", as: String?.self) ?? "") \(try row.get("key", as: String?.self) ?? "-")"
                }
            }
            #expect(plan.contains("finished_operations finished_by_end"), "\(plan)")
        }
    }

    @Test func `queue waits tells per lane and task how long operations waited, deferrals apart`() async throws {
        try await withCluster { cluster in
            try await cluster.fillHistory(1000)
            // 0.01 s to 10 s, the slowest tenth of them deferred.
            try await cluster.database.withSession { session in
                try session.execute("SET @number = 0")
                try session.execute(
                    """
                    UPDATE finished_operations SET waited = 10000 * (@number := @number + 1),
                        defer_count = IF(@number > 900, 2, 0) ORDER BY id
                    """
                )
            }
            let waits = try await cluster.example(
                of: WaitsView.self,
                "queue-waits",
                ["queue", "waits"],
                alsoAsTable: true
            )
            #expect(waits.sampled == 1000 && !waits.capped && waits.since != nil)
            #expect(waits.lanes.map(\.lane) == [.userFacing] && waits.tasks.map(\.task) == [BuiltInTask.noop.name])
            let all = try #require(waits.lanes.first).all
            let undeferred = try #require(waits.tasks.first).undeferred
            #expect(all.n == 1000 && all.max == 10 && undeferred.n == 900 && undeferred.max == 9)
            for (found, exact) in [(all.p50, 5.0), (all.p90, 9.0), (all.p99, 9.9), (undeferred.p50, 4.5)] {
                #expect(abs((found ?? 0) - exact) <= exact * 0.012, "\(waits)")
            }
            let none = try await cluster.answer(WaitsView.self, "queue", "waits", "--since", "1ms")
            #expect(none.sampled == 0 && none.lanes.isEmpty && none.since == nil)
        }
    }

    @Test func `queue waits looks at a bounded number, and says so`() async throws {
        try await withCluster { cluster in
            try await cluster.fillHistory(WaitStatements.sample + 1)
            let run = try await cluster.clusterctl("queue", "waits")
            #expect(run.status == 0 && run.talk.contains("only the newest 20000"), "\(run.talk)")
            let waits = try await cluster.answer(WaitsView.self, "queue", "waits")
            #expect(waits.capped && waits.sampled == WaitStatements.sample)
        }
    }
}

extension TestCluster {
    /// Adds operations that have ended well, each a microsecond after the one before, as one statement does it fastest.
    func fillHistory(_ rows: Int) async throws {
        try await fill(
            """
            INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                enqueued_at, ready_at, deliveries, failures, defer_count, claimed_at, started_at, waited, finished_at)
            SELECT CONCAT('0190163d-8694-739b-aea5-', LPAD(HEX(seq), 12, '0')), 'command', '["noop"]',
                'any-user_facing', 'user_facing', 'test', 1, 'complete', NOW(6) + INTERVAL seq MICROSECOND, NOW(6),
                1, 0, 0, NOW(6), NOW(6) + INTERVAL seq + 5000 MICROSECOND, 5000,
                NOW(6) + INTERVAL seq MICROSECOND
            FROM seq_1_to_20000000 WHERE seq <= \(rows)
            """
        )
    }
}
