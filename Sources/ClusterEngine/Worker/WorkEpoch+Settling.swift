import ClusterModel
import Logging
import MariaDB

/// The writing of an epoch's outcomes.
extension WorkEpoch {
    /// Writes batches, one after the other, and beside them what waits for rows that others hold.
    func settle() async {
        await withDiscardingTaskGroup { group in
            for await _ in outcomes.stream {
                var pause: Duration = .milliseconds(50)
                while true {
                    while let wait = ledger.takeWait() { group.addTask { await write(waitingFor: wait) } }
                    await letAttemptsEnd()
                    let batch = ledger.takeBatch()
                    if batch.isEmpty { break }
                    if await !write(batch) {
                        // A pause for a database that is away alone: nothing tells when it is back, so the batch is
                        // tried again, ever later.
                        guard (try? await Task.sleep(for: pause)) != nil else { return }
                        pause = min(pause * 2, .seconds(2))
                    }
                }
                if ledger.isIdle { idle.continuation.yield() }
            }
        }
    }

    /// Writes a batch; returns false when the database was not to be had.
    private func write(_ batch: [Settling.Entry]) async -> Bool {
        do {
            let result = try await Settling(database: parts.database).settle(batch, of: session)
            await wrote(batch, result)
            return true
        } catch {
            if !Task.isCancelled {
                log(.warning, "outcomes are kept until the database is back", ["error": "\(error)"])
            }
            ledger.settled(batch, again: batch)
            return false
        }
    }

    /// Writes an outcome whose row others hold, in a transaction that waits for the row.
    private func write(waitingFor wait: HeldOutcomes.Wait) async {
        do {
            let settling = Settling(database: parts.database)
            let result = try await settling.settlePatiently(wait.entry, of: session, for: wait.limit)
            await wrote([wait.entry], result)
        } catch {
            // The next batch has it, and tells of a database that is away.
            ledger.settled([wait.entry], again: [wait.entry])
        }
        ledger.stopWaiting()
        outcomes.continuation.yield()
    }

    /// Announces what was written to everybody whom it concerns.
    private func wrote(_ batch: [Settling.Entry], _ result: Settling.Result) async {
        for id in result.superseded { log(.warning, "outcome of a lost claim dropped", ["operation": "\(id)"]) }
        // First, as it takes no more than that: somebody waits.
        announcer.announce(result.ended, to: result.waiters)
        // What became ready may be for this process: it need not wait for the look-up of whom else to ring.
        // And where the end had been written before, and its answer was lost, nothing tells what became ready.
        if !result.ready.isEmpty || result.freedTargets || !result.superseded.isEmpty { parts.doorbell.nudge() }
        parts.metrics.ended(result.states)
        if result.isUnfinished { cascades.continuation.yield() }
        await parts.waker.wake(result.ready)
        let hasSlotsAgain = ledger.settled(
            batch,
            again: batch.compactMap { entry in result.refused[entry.id].flatMap { refused(entry, $0) } },
            held: batch.filter { result.locked.contains($0.id) }
        )
        nudge(forSlotsAgain: hasSlotsAgain)
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
