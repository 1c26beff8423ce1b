import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// How often a worker looks into its queues: a slot that falls free is of no use where all that waits has been taken.
///
/// Polls and renewals are so far apart that none falls into a test.
@Suite(.timeLimit(.minutes(15))) struct SpareSlotTests {
    private let noop = BuiltInTask.noop.name

    private func withWorker(
        slots: Int,
        on server: PrivateServer? = nil,
        handlers: [any TaskHandler] = [NoopHandler()],
        _ body: @Sendable (TestCluster, Doorbell) async throws -> Void
    ) async throws {
        try await withCluster(on: server) { cluster in
            try await cluster.addNode("h1")
            let doorbell = Doorbell()
            let worker = try cluster.liveWorker(
                "h1",
                handlers: handlers,
                slots: slots,
                lease: .seconds(3600),
                renew: .seconds(1200),
                pollInterval: .seconds(3600),
                doorbell: doorbell
            )
            try await cluster.withWorkers([worker]) {
                try await eventually("the session is open") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions") == 1
                }
                try await body(cluster, doorbell)
            }
        }
    }

    @Test func `an operation that leaves slots to spare is looked for once, and no other when it has ended`()
        async throws
    {
        let server = try PrivateServer(options: SpokenStatements.serverOptions)
        defer { server.destroy() }
        try await withWorker(slots: 4, on: server) { cluster, doorbell in
            func looks() async throws -> Int {
                try await cluster.count(
                    """
                    SELECT COUNT(*) FROM mysql.general_log
                    WHERE command_type = 'Execute' AND argument LIKE '%ORDER BY FIELD(queue_name%'
                        AND argument NOT LIKE '%general_log%'
                    """
                )
            }
            try await eventually("it has looked, and rests") { try await looks() > 0 }
            let operations = 10
            let before = try await looks()
            for _ in 0..<operations {
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
                doorbell.ring()
                try await eventually("it is complete") { try await cluster.operation(id).state == .complete }
            }
            let after = try await looks()
            // An operation that ends while its own claim is on the way back may have rung for its slot.
            #expect(after - before >= operations && after - before <= operations + operations / 2)
        }
    }

    @Test func `with one slot all that waits is run after one ring`() async throws {
        try await withWorker(slots: 1) { cluster, doorbell in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 100)
            doorbell.ring()
            try await cluster.untilNothingWaits()
        }
    }

    @Test func `a worker whose slots are all taken looks again when one falls free, although it was not rung`()
        async throws
    {
        let isOpen = Locked(false)
        let log = EffectLog()
        let handler = RecordingHandler(BuiltInTask.noop.definition, log: log) { _ in
            try await eventually("it may end") { isOpen.value }
            return nil
        }
        try await withWorker(slots: 2, handlers: [handler]) { cluster, doorbell in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 2)
            doorbell.ring()
            try await eventually("all that waits has been taken") { log.effects.count == 2 }
            // Of many workers a few are rung, which may all be busy.
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            isOpen.update { $0 = true }
            try await cluster.untilNothingWaits()
        }
    }

    @Test func `what waits for a target that another process has is looked for again`() async throws {
        let (blue, isOpen, log) = (BuiltInTask.networkRemoveDHCPLease, Locked(false), EffectLog())
        let open = RecordingHandler(BuiltInTask.noop.definition, log: log) { _ in
            try await eventually("it may end") { isOpen.value }
            return nil
        }
        let remove = RecordingHandler(blue.definition, log: log)
        try await withWorker(slots: 2, handlers: [open, remove]) { cluster, doorbell in
            try await cluster.addNetwork("blue")
            var request = OperationRequest(tasks: [blue.name], target: .init(network: try NetworkName("blue")))
            // What has parameters carries no other.
            request.parameters = "{}"
            _ = try await cluster.queue.enqueue(request)
            var other = try cluster.worker("h2")
            let theirs = try await other.claim()
            try #require(theirs.count == 1)
            _ = try await cluster.queue.enqueue(request)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            doorbell.ring()
            try await eventually("it has taken what it could") { log.effects.count == 1 }
            // Whoever frees a target rings nobody.
            try await other.settle(theirs, .succeeded(result: nil))
            isOpen.update { $0 = true }
            try await cluster.untilNothingWaits()
        }
    }

    @Test func `what waits for a target that the worker itself has had is run when that is free`() async throws {
        let task = BuiltInTask.networkRemoveDHCPLease
        let handler = RecordingHandler(task.definition, log: EffectLog())
        try await withWorker(slots: 4, handlers: [handler]) { cluster, doorbell in
            try await cluster.addNetwork("blue")
            var request = OperationRequest(tasks: [task.name], target: .init(network: try NetworkName("blue")))
            // What has parameters carries no other.
            request.parameters = "{}"
            _ = try await cluster.queue.enqueue(request, count: 10)
            doorbell.ring()
            try await cluster.untilNothingWaits()
        }
    }
}

extension TestCluster {
    fileprivate func untilNothingWaits() async throws {
        try await eventually("all have ended") { try await count("SELECT COUNT(*) FROM work_queue") == 0 }
    }
}
