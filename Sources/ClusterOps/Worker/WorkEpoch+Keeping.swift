import Logging
import MariaDB
import ServiceLifecycle

/// How an epoch keeps its session, and what it sees of the cluster with every renewal.
extension WorkEpoch {
    func renew() async throws {
        var failed = false
        while true {
            let pause = conditions.pause(afterFailure: failed)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            let sentAt = SuspendingClock.now
            do {
                let renewal = try await renewAndLook()
                guard renewal.isRenewed else { throw lose("the database says that it has expired") }
                conditions.renewed(sentAt: sentAt)
                extendLeases()
                failed = false
                heed(try renewal.look.get())
            } catch let loss as SessionLost {
                throw loss
            } catch {
                if !failed { log(.warning, "the session was not renewed", ["error": "\(error)"]) }
                failed = true
            }
        }
    }

    /// Passes on until when the session may act.
    func extendLeases() {
        parts.children.extendAll(until: conditions.deadline)
        parts.pulse.held(until: conditions.deadline)
    }

    private struct Renewal: Sendable {
        let isRenewed: Bool
        let look: Result<Reaper.Sighted, any Error>
    }

    /// Two statements, and all that an idle worker sends; the second tells what else there is to do.
    private func renewAndLook() async throws -> Renewal {
        let (session, duration, name) = (session, settings.lease.leaseDuration, settings.node)
        let doorbell = await parts.address()
        let queues = ledger.freeSlots > 0 ? QueueName.claimOrder(targets: targets()) : []
        return try await parts.database.withRepeatableSession { connection in
            let renewed = try SessionStatements.renew(session, lease: duration, doorbell: doorbell, on: connection)
            let asked = SuspendingClock.now
            do {
                let seen = try SurroundingsStatements.look(from: session, on: name, into: queues, on: connection)
                return Renewal(
                    isRenewed: renewed,
                    look: .success(Reaper.Sighted(seen, askedAt: asked, answeredAt: .now))
                )
            } catch {
                // The lease is kept all the same.
                return Renewal(isRenewed: renewed, look: .failure(error))
            }
        }
    }

    private func heed(_ look: Reaper.Sighted) {
        let seen = look.surroundings
        conditions.setDraining(seen.isDraining)
        conditions.looked(askedAt: look.askedAt, foundWork: seen.hasWork)
        looks.continuation.yield(look)
        endCancelled(among: seen.executing)
        // The loop that claims compares: a claim of its own may just be on its way from the database to the ledger.
        let isUnknown = !ledger.unknown(among: seen.executing).isEmpty
        if isUnknown { conditions.seeUnknown() }
        if isUnknown || (seen.hasWork && !seen.isDraining) { parts.doorbell.ring() }
    }

    /// Ends the session when its time is up, also while a renewal waits for a database that hangs.
    func watchFence() async throws {
        while conditions.deadline > .now {
            guard (try? await Task.sleep(until: conditions.deadline, clock: .suspending)) != nil else { return }
        }
        throw lose("it could not be renewed in time")
    }

    private struct SessionLost: Error {}

    private func lose(_ reason: String) -> SessionLost {
        log(.error, "losing the session", ["reason": "\(reason)"])
        conditions.lose()
        parts.children.endLease()
        parts.doorbell.ring()
        idle.continuation.yield()
        return SessionLost()
    }

    /// Goes by what the renewals see, and looks by itself only when a session is about to have been silent for its lease.
    ///
    /// A renewal is seen one renewal interval late at most, and its end is looked for at the moment it comes: an operation is
    /// back within lease + 2 s of its worker's death.
    func reap() async {
        var trouble = Trouble(logger: parts.logger)
        for await look in looks.stream {
            do {
                try await reaper.act(on: look)
                if let death = await reaper.nextDeath, death - .now < settings.lease.renewInterval {
                    guard (try? await Task.sleep(until: death, clock: .suspending)) != nil else { return }
                    try await reaper.pass()
                }
                trouble.over()
            } catch {
                // Made up for by the next.
                trouble.report("reaping failed: \(error)")
            }
        }
    }
}
