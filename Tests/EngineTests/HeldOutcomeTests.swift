import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Outcomes whose rows are locked by others.
@Suite(.timeLimit(.minutes(15))) struct HeldOutcomeTests {
    private func entry() -> Settling.Entry { Settling.Entry(id: .new(), delivery: 1, report: .deferred) }

    @Test func `an outcome that a batch leaves out waits for its row, and further batches do not wait for it`() {
        var work = SessionWork(slots: 4)
        let (held, other, later) = (entry(), entry(), entry())
        for entry in [held, other] { work.finish(entry) }
        let batch = work.takeBatch()
        work.settled(batch, held: [held])
        let wait = work.takeWait()
        #expect(wait == HeldOutcomes.Wait(entry: held, limit: .oneSecond))
        #expect(!work.isIdle, "it is not written yet")
        work.finish(later)
        let next = work.takeBatch()
        #expect(next == [later])
        work.settled(next)
        work.settled([held])
        work.stopWaiting()
        #expect(work.isIdle && work.takeWait() == nil)
    }

    @Test func `each wait for a row is longer, up to eight seconds, and forgotten once the outcome is written`() {
        var work = SessionWork(slots: 4)
        let held = entry()
        var limits: [RowLock.Wait] = []
        work.settled([held], held: [held])
        for _ in 0..<5 {
            guard let wait = work.takeWait() else { break }
            limits.append(wait.limit)
            work.settled([held], held: [held])
            work.stopWaiting()
        }
        #expect(limits == [.oneSecond, .twoSeconds, .fourSeconds, .eightSeconds, .eightSeconds])
        _ = work.takeWait()
        work.settled([held])
        work.stopWaiting()
        work.settled([held], held: [held])
        #expect(work.takeWait()?.limit == .oneSecond)
    }

    @Test func `a row that was not waited for yet does not stand behind those that are held for long`() {
        var work = SessionWork(slots: 4)
        let (old, older, new) = (entry(), entry(), entry())
        work.settled([older, old], held: [older, old])
        for _ in 0..<2 {
            guard let wait = work.takeWait() else { return #expect(Bool(false), "there was a place") }
            work.settled([wait.entry], held: [wait.entry])
            work.stopWaiting()
        }
        #expect(work.takeWait()?.entry == older)
        #expect(work.takeWait() == nil, "the last place is for a new one")
        work.settled([new], held: [new])
        #expect(work.takeWait()?.entry == new)
        #expect(work.takeWait() == nil)
        #expect(work.takeBatch().isEmpty, "what waits alone makes no batch")
        let finished = entry()
        work.finish(finished)
        #expect(work.takeBatch() == [old, finished], "what finds no place is tried with each batch")
    }

    @Test func `outcomes are written while another one waits for its row, which is written once the row is free`()
        async throws
    {
        let others = 40
        try await withCluster(connections: 16) { cluster in
            try await cluster.addNode("h1")
            let noop = BuiltInTask.noop
            let log = EffectLog()
            let isHeld = Locked(false)
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
            // The outcome of the first comes only when its row is held.
            let wanted: @Sendable (Attempt) async throws -> Int? = { attempt in
                if attempt.operation.id == first { try await eventually("the row is held") { isHeld.value } }
                return nil
            }
            let handler = RecordingHandler(noop.definition, log: log, wanted: wanted)
            let worker = try cluster.liveWorker("h1", handlers: [handler])
            try await cluster.withWorkers([worker]) {
                try await eventually("it runs") { !log.effects(of: first).isEmpty }
                let holder = try await Connection.open(cluster.configuration)
                try await holder.withTransaction { transaction in
                    _ = try EnqueueStatements.lockLive([first], in: transaction)
                    isHeld.update { $0 = true }
                    try blocking {
                        try await eventually("its outcome waits for the row") {
                            try await cluster.count(
                                """
                                SELECT COUNT(*) FROM information_schema.processlist
                                WHERE db = DATABASE() AND info LIKE '%FOR UPDATE WAIT _'
                                """
                            ) > 0
                        }
                        let before = cluster.database.errorCounts[.lockWaitTimeout] ?? 0
                        for _ in 0..<others {
                            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
                            try await eventually("another one ends") {
                                try await cluster.operation(id).state == .complete
                            }
                        }
                        // Behind the held row each of them would have waited until that was given up.
                        let after = cluster.database.errorCounts[.lockWaitTimeout] ?? 0
                        #expect(after - before < others / 2, "\(after - before) waits for \(others) ends")
                    }
                }
                await holder.close()
                try await eventually("it has ended") { try await cluster.operation(first).state == .complete }
            }
            #expect(try await cluster.operation(first).deliveries == 1)
        }
    }
}
