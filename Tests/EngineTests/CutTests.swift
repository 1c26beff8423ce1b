import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What becomes of requests whose COMMIT has an unknown outcome, in each of the three ways in which that happens.
@Suite(.timeLimit(.minutes(15))) struct EnqueueCutTests {
    private let noop = BuiltInTask.noop.name

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `one request whose COMMIT has an unknown outcome is one operation`(disturbance: Disturbance) async throws {
        try await withProxiedCluster { way in
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO work_queue"))
            let receipt = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]))
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(receipt.state == .queued && !receipt.deduplicated)
            #expect(try await way.direct.liveIDs() == [receipt.uuid])
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a request with the caller's id is found by it, and sent again it is the same`(
        disturbance: Disturbance
    )
        async throws
    {
        try await withProxiedCluster { way in
            let request = OperationRequest(tasks: [noop], id: .new())
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO work_queue"))
            let first = try await way.proxied.queue.enqueue(request)
            let second = try await way.direct.queue.enqueue(request)
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(first == second && first.uuid == request.id)
            #expect(try await way.direct.liveIDs() == [first.uuid])
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a graph is there with all its edges or not at all`(disturbance: Disturbance) async throws {
        try await withProxiedCluster { way in
            let (first, second) = (OperationID.new(), OperationID.new())
            let requests = [
                OperationRequest(tasks: [noop], id: first),
                OperationRequest(tasks: [noop], id: second, dependsOn: [first]),
                OperationRequest(tasks: [noop], id: .new(), dependsOn: [first], runsAfter: [second]),
            ]
            way.proxy.order(disturbance, at: .commit(of: "record_edges"))
            let receipts = try await way.proxied.queue.submit(requests)
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(receipts.map(\.state) == [.queued, .blocked, .blocked])
            #expect(try await way.direct.count("SELECT COUNT(*) FROM operation_dependencies") == 3)
            var worker = try way.direct.worker()
            #expect(try await worker.drain().map(\.id) == requests.map(\.id))
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `many at once are as many as were asked for`(disturbance: Disturbance) async throws {
        try await withProxiedCluster { way in
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO work_queue"))
            _ = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]), count: 250)
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(try await way.direct.liveIDs().count == 250)
        }
    }

    @Test func `the answer waits for a COMMIT that is still on its way`() async throws {
        try await withProxiedCluster { way in
            let answer = Locked<OperationReceipt?>(nil)
            way.proxy.order(.hold, at: .commit(of: "INSERT INTO work_queue"))
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    let receipt = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]))
                    answer.update { $0 = receipt }
                }
                try await eventually("the COMMIT is held") { way.proxy.counts.held == 1 }
                try await eventually("the locking look waits for it") {
                    try await way.direct.lockWaits() > 0
                }
                #expect(answer.value == nil, "nothing was guessed")
                #expect(try await way.direct.liveIDs().isEmpty)
                way.proxy.release()
            }
            try await eventually("it has landed") { way.proxy.counts.landedLate == 1 }
            let receipt = try #require(answer.value)
            #expect(try await way.direct.liveIDs() == [receipt.uuid])
        }
    }

    @Test func `a database that is lost at every COMMIT is said to be, and nothing is doubled`() async throws {
        try await withProxiedCluster { way in
            for _ in 0..<5 { way.proxy.order(.cutBefore, at: .commit(of: "INSERT INTO work_queue")) }
            let error = await #expect(throws: ClusterOpsError.self) {
                try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]))
            }
            #expect(error?.code == .unreachable)
            #expect(way.proxy.counts.cutBefore == 3, "the limit of tries")
            let live = try await way.direct.liveIDs()
            #expect(live.isEmpty)
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `counters whose COMMIT has an unknown outcome is never counted twice, and its loss is told`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            let counters = way.proxied.counters
            counters.executed(noop, folded: [])
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO coalescing_counters"))
            let error = await #expect(throws: DatabaseError.self) { try await counters.flush() }
            #expect(error?.code == .outcomeUnknown && counters.unconfirmedFlushes == 1)
            try await eventually("it has landed") { way.proxy.counts.of(disturbance) == 1 }
            // What is counted afterwards is written, and nothing of before with it.
            counters.executed(noop, folded: [])
            try await counters.flush()
            let total = try await way.direct.count("SELECT CAST(SUM(count) AS UNSIGNED) FROM coalescing_counters")
            #expect(total == (disturbance == .cutBefore ? 1 : 2))
        }
    }

    @Test func `connections that break while nothing is committed are replaced unnoticed`() async throws {
        try await withProxiedCluster { way in
            for _ in 0..<20 {
                _ = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]))
                way.proxy.dropAll()
            }
            #expect(way.proxy.counts.dropped >= 20)
            #expect(try await way.direct.liveIDs().count == 20)
        }
    }

    @Test func `traffic that trickles arrives whole`() async throws {
        try await withProxiedCluster { way in
            _ = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop]))
            way.proxy.slow(.trickling(bytes: 40))
            let parameters = "\"" + String(repeating: "x", count: 2000) + "\""
            let id = try await way.proxied.queue.enqueue(OperationRequest(tasks: [noop], parameters: parameters)).uuid
            #expect(try await way.direct.operation(id).parameters == parameters)
        }
    }
}

extension DatabaseProxy.Counts {
    /// How often a disturbance has happened as it was ordered.
    func of(_ disturbance: Disturbance) -> Int {
        switch disturbance {
        case .cutBefore: cutBefore
        case .cutAfter: cutAfter
        case .landLate, .hold: landedLate
        case .refuse: interrupted
        }
    }
}

extension TestCluster {
    /// The operations that have not ended, by id.
    func liveIDs() async throws -> [OperationID] {
        try await database.withSession { session in
            try session.query("SELECT id FROM work_queue ORDER BY id").map { try $0.only(OperationID.self) }
        }
    }

    /// Statements of this schema that have been under way for a tenth of a second: they wait for somebody's lock.
    ///
    /// InnoDB's own tables of locks stand still while somebody reads them often.
    func lockWaits() async throws -> Int {
        try await count(
            """
            SELECT COUNT(*) FROM information_schema.processlist
            WHERE db = DATABASE() AND command IN ('Query', 'Execute') AND id <> CONNECTION_ID() AND time_ms > 100
            """
        )
    }
}
