import ClusterModel
import Logging
import MariaDB

/// The writing of an epoch's outcomes.
extension WorkEpoch {
    func settle() async {
        var skippedRows = SkippedRows()
        for await _ in outcomes.stream {
            var pause: Duration = .milliseconds(50)
            while true {
                let batch = ledger.takeBatch()
                if batch.isEmpty { break }
                let again = await settle(batch, &skippedRows)
                ledger.settled(batch, again: again)
                parts.doorbell.ring()
                if !again.isEmpty {
                    // Nothing tells when a database is back, or a held row is free: tried again, ever later.
                    guard (try? await Task.sleep(for: pause)) != nil else { return }
                    pause = min(pause * 2, .seconds(2))
                }
            }
            if ledger.isIdle { idle.continuation.yield() }
        }
    }

    /// Writes a batch; returns what has to be written again.
    private func settle(_ batch: [Settling.Entry], _ skippedRows: inout SkippedRows) async -> [Settling.Entry] {
        do {
            let settling = Settling(database: parts.database)
            let (asked, judge) = (SuspendingClock.now, skippedRows)
            let overdue = batch.filter { judge.isOver(for: $0.id, at: asked) }
            var result = try await settling.settle(batch.filter { !judge.isOver(for: $0.id, at: asked) }, of: session)
            for entry in overdue {
                let wait = judge.wait(for: entry.id, at: asked)
                result.merge(try await settling.settlePatiently(entry, of: session, for: wait))
            }
            skippedRows.wrote(batch.map(\.id), skipped: result.locked, at: asked)
            for id in result.superseded { log(.warning, "outcome of a lost claim dropped", ["operation": "\(id)"]) }
            // What became ready may be for this process: it need not wait for the look-up of whom else to ring.
            parts.doorbell.ring()
            announcer.announce(result.ended)
            parts.metrics.ended(result.states)
            if result.isUnfinished { cascades.continuation.yield() }
            await parts.waker.wake(result.ready)
            return batch.compactMap { entry in
                if let refusal = result.refused[entry.id] { return refused(entry, refusal) }
                return result.locked.contains(entry.id) ? entry : nil
            }
        } catch {
            if !Task.isCancelled {
                log(.warning, "outcomes are kept until the database is back", ["error": "\(error)"])
            }
            return batch
        }
    }

    /// An outcome that the database does not take, such as a result that is no JSON, fails its attempt instead.
    private func refused(_ entry: Settling.Entry, _ error: DatabaseError) -> Settling.Entry? {
        log(.error, "an outcome was refused", ["operation": "\(entry.id)", "error": "\(error)"])
        if case .failed(let failure) = entry.report, failure.code == "not_recorded" {
            ledger.abandon(entry)
            return nil
        }
        let failure = OperationFailure(code: "not_recorded", message: "the outcome could not be written down: \(error)")
        return Settling.Entry(
            id: entry.id,
            delivery: entry.delivery,
            report: .failed(failure),
            completedTasks: entry.completedTasks,
            output: entry.output
        )
    }
}
