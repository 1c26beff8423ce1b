import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct CancelTests {
    private let noop = BuiltInTask.noop.name
    private let coalescible = BuiltInTask.networkApplyUpdateDNSMasq.name

    @Test func `a waiting operation ends with what depends on it, and lets go what only runs after it`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [id])).uuid
            let after = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], runsAfter: [id])).uuid
            let cancellation = try await cluster.queue.cancel(id)
            #expect(cancellation.state == .cancelled && cancellation.aborted == [child])
            #expect(cancellation.requests == 1 && cancellation.requesters == 1)
            let ended = try await cluster.operation(id)
            #expect(ended.state == .cancelled && ended.error?.code == "cancelled" && ended.cancelRequester == "test")
            #expect(ended.cancelRequestedAt != nil && ended.error?.message.contains("by test") == true)
            #expect(try await cluster.operation(child).state == .aborted)
            #expect(try await cluster.operation(after).state == .queued)
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [after])
        }
    }

    @Test func `what has ended cannot be cancelled, and what nobody knows is unknown`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            _ = try await cluster.queue.cancel(id)
            let twice = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.cancel(id) }
            #expect(twice?.code == .conflict && twice?.message.contains("cancelled") == true)
            let unknown = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.cancel(.new()) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test func `a blocked operation is taken off what it waits for`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let second = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [first])).uuid
            let third = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [second])).uuid
            #expect(try await cluster.queue.cancel(second).aborted == [third])
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [first])
        }
    }

    @Test func `a follower is cancelled alone`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(coalescible, on: "blue", lanes: Array(Lane.allCases.prefix(3)))
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.count == 1 && claims[0].folded.count == 2)
            #expect(try await cluster.queue.cancel(ids[1]).state == .cancelled)
            let ended = try await worker.settle(claims, .succeeded(result: nil)).ended
            #expect(ended == [ids[0], ids[2]])
            #expect(try await cluster.operation(ids[1]).state == .cancelled)
        }
    }

    @Test func `a running operation never returns, and gives its followers back`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(coalescible, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let first = try await cluster.queue.cancel(ids[0])
            #expect(first.state == .executing && first.unfolded.isEmpty)
            let asked = try await cluster.operation(ids[0])
            let other = OperationQueue(
                database: cluster.database,
                requester: "bob",
                counters: cluster.counters,
                waker: NoWaker()
            )
            #expect(try await other.cancel(ids[0]).state == .executing, "twice is once")
            let again = try await cluster.operation(ids[0])
            #expect(again.cancelRequestedAt == asked.cancelRequestedAt && again.cancelRequester == "test")
            let result = try await worker.settle(claims, .handedBack)
            #expect(result.ended == [ids[0]] && result.ready == [claims[0].operation.queue.in(.background)])
            #expect(try await cluster.operation(ids[0]).state == .cancelled)

            let follower = try await cluster.operation(ids[1])
            #expect(follower.state == .queued && follower.foldedInto == nil && follower.unfoldedFrom == ids[0])
            let events = Timeline(follower, adoptions: [], now: follower.unfoldedAt ?? follower.enqueuedAt).events
            #expect(events.map(\.event) == [.enqueued, .ready, .folded, .unfolded])
            #expect(try await worker.drain().map(\.id) == [ids[1]])
            #expect(try await cluster.operation(ids[1]).state == .complete)
        }
    }

    @Test func `a primary that waits for its next attempt gives its followers back as well`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(coalescible, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "x", message: "once")))
            #expect(try await cluster.operation(ids[1]).state == .folded)
            let cancellation = try await cluster.queue.cancel(ids[0])
            #expect(cancellation.state == .cancelled && cancellation.unfolded == [ids[1]])
            #expect(try await worker.drain().map(\.id) == [ids[1]])
        }
    }

    @Test func `an adopted operation is cancelled for all who adopted it, and they are counted`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.enqueue(coalescible, on: "blue", lanes: [.userFacing])[0]
            let request = OperationRequest(tasks: [coalescible], target: .init(network: try NetworkName("blue")))
            for requester in ["test", "bob", "bob"] {
                let queue = OperationQueue(
                    database: cluster.database,
                    requester: requester,
                    counters: cluster.counters,
                    waker: NoWaker()
                )
                #expect(try await queue.enqueue(request).uuid == id)
            }
            try await cluster.counters.flush()
            let cancellation = try await cluster.queue.cancel(id)
            #expect(cancellation.requests == 4 && cancellation.requesters == 2)
        }
    }

    @Test func `a cancel is heard by a worker that always finds more to claim`() async throws {
        try await withCluster(connections: 6) { cluster in
            try await cluster.addNode("h1")
            try await cluster.register("hangs")
            let hangs = try TaskName("hangs")
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [hangs], lane: .userWaiting)).uuid
            let count = 20_000
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: count)
            let doorbell = Doorbell()
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [NoopHandler(), Hanging(hangs)],
                slots: 16,
                // No renewal finds it out in time.
                lease: .seconds(600),
                doorbell: doorbell
            )
            try await cluster.withWorkers([worker]) {
                func ended() async throws -> Int {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations")
                }
                try await eventually("it works") { try await ended() > 100 }
                #expect(try await cluster.queue.cancel(id).state == .executing)
                let before = try await ended()
                doorbell.ring()
                try await eventually("it has ended") {
                    try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE id = \(id)") == 0
                }
                let meanwhile = try await ended() - before
                #expect(meanwhile < 2000, "\(meanwhile) others have ended before it was heard")
            }
        }
    }

    @Test func `a cancel that came first keeps the operation from being started`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let canceller = try await Connection.open(cluster.configuration)
            let claims = try await canceller.withTransaction { transaction in
                _ = try CancelStatements.lock(id, in: transaction)
                let claims = try blocking {
                    var worker = try cluster.worker()
                    return try await worker.claim().count
                }
                _ = try Ending.endWaiting([(id, .cancelled("test"))], in: transaction)
                return claims
            }
            #expect(claims == 0)
            var worker = try cluster.worker()
            #expect(try await worker.claim().isEmpty)
            await canceller.close()
        }
    }

    @Test func `a start that came first turns the cancel into a request`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            try await worker.join()
            let identity = worker.identity
            let claimer = try await Connection.open(cluster.configuration)
            let cancel = Locked<Task<Cancellation, any Error>?>(nil)
            try await claimer.withTransaction { transaction in
                let definitions = [BuiltInTask.noop.name: BuiltInTask.noop.definition]
                _ = try Claiming.claimAndFold([id], upTo: 1, by: identity, definitions: definitions, in: transaction)
                    .claims
                cancel.update { $0 = Task { try await cluster.queue.cancel(id) } }
                try blocking { try await cluster.untilSomebodyLocksForUpdate() }
            }
            #expect(try await cancel.value?.value.state == .executing)
            #expect(try await cluster.operation(id).cancelRequestedAt != nil)
            await claimer.close()
        }
    }

    @Test func `work that was done before its cancel is seen stays complete`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            _ = try await cluster.queue.cancel(id)
            try await worker.settle(claims, .succeeded(result: nil))
            #expect(try await cluster.operation(id).state == .complete)
            let late = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.cancel(id) }
            #expect(late?.code == .conflict && late?.message.contains("complete") == true)
        }
    }

    @Test func `an operation that was cancelled and lost its worker ends, and never returns`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(coalescible, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            _ = try await cluster.queue.cancel(ids[0])
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 1)
            #expect(try await cluster.operation(ids[0]).state == .cancelled)
            #expect(try await cluster.operation(ids[1]).state == .queued)
            #expect(try await worker.settle(claims, .succeeded(result: nil)).superseded == [ids[0]])
        }
    }

    @Test func `cancels at random beside claims, folds, reaps and ends leave nobody behind`() async throws {
        try await withCluster(connections: 20) { cluster in
            try await cluster.addNetwork("blue")
            let target = OperationRequest.Target(network: try NetworkName("blue"))
            let enqueued = Locked<[OperationID]>([])
            let (producing, primaries) = (Locked(3), Locked(0))
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        for round in 0..<40 {
                            var request = OperationRequest(tasks: [coalescible], target: target)
                            request.allowsDedup = round % 3 == 0
                            if round % 5 == 4, let last = enqueued.value.last {
                                request = OperationRequest(tasks: [noop], dependsOn: [last])
                            }
                            let id = try await cluster.queue.enqueue(request).uuid
                            enqueued.update { $0.append(id) }
                        }
                        producing.update { $0 -= 1 }
                    }
                }
                for _ in 0..<3 {
                    group.addTask {
                        try await eventually("there is something to cancel") { !enqueued.value.isEmpty }
                        while producing.value > 0, let id = enqueued.value.suffix(12).randomElement() {
                            _ = try await cluster.cancelUnlessEnded(id)
                        }
                    }
                }
                for number in 1...2 {
                    group.addTask {
                        var worker = try cluster.worker("h\(number)")
                        let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
                        var idle = 0
                        while producing.value > 0 || idle < 3 {
                            let claims = try await worker.claim(3)
                            idle = claims.isEmpty ? idle + 1 : 0
                            let report: AttemptReport =
                                Int.random(in: 0..<4) == 0 ? .handedBack : .succeeded(result: nil)
                            if Int.random(in: 0..<8) == 0 { try await reaper.pass() }
                            // Survivors with followers are few: each other one is cancelled while it runs for sure.
                            for claim in claims where !claim.folded.isEmpty {
                                let number = primaries.update { count in
                                    count += 1
                                    return count
                                }
                                guard number % 2 == 1 else { continue }
                                if try await cluster.cancelUnlessEnded(claim.operation.id) {
                                    try await worker.settle([claim], .handedBack)
                                }
                            }
                            try await worker.settle(claims, report)
                        }
                    }
                }
            }
            var worker = try cluster.worker()
            _ = try await worker.drain()
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
            func ended(_ state: String) async throws -> Int {
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = \(state)")
            }
            let (cancelled, complete) = (try await ended("cancelled"), try await ended("complete"))
            #expect(cancelled > 0 && complete > 0, "\(cancelled) cancelled, \(complete) complete")
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE unfolded_at IS NOT NULL") > 0
            )
        }
    }
}

/// Runs until it is interrupted.
private struct Hanging: TaskHandler {
    let definition: TaskDefinition

    init(_ task: TaskName) {
        definition = TaskDefinition(
            name: task,
            kind: .command,
            isCoalescible: false,
            maximumAttempts: 3,
            timeout: .seconds(60)
        )
    }

    func run(_ attempt: Attempt) async -> TaskOutcome {
        _ = await Interruption().wait(until: nil)
        return .interrupted
    }
}

extension TestCluster {
    /// Cancels an operation, and tells whether it had not ended by itself.
    fileprivate func cancelUnlessEnded(_ id: OperationID) async throws -> Bool {
        do {
            _ = try await queue.cancel(id)
            return true
        } catch let error as ClusterOpsError {
            guard error.code == .conflict else { throw error }
            return false
        }
    }
}

extension QueueName {
    fileprivate func `in`(_ lane: Lane) -> QueueName { QueueName(target, lane) }
}
