import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// The part of an epoch that keeps its session, and takes a snapshot of the cluster with every renewal.
extension WorkEpoch {
    func renew() async throws {
        var failed = false
        while true {
            let pause = conditions.pause(afterFailure: failed)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            let turn = conditions.nextTurn(hasWork: !ledger.isIdle || ledger.isAwaiting, afterFailure: failed)
            if turn == .nothing { continue }
            let sentAt = ContinuousClock.now
            do {
                guard try await renewSession() else { throw lose("the database says that it is dead") }
                conditions.renewed(sentAt: sentAt, passOn)
                if case .look(let intervals) = turn { renewals.continuation.yield(intervals) }
                failed = false
            } catch let loss as SessionLost {
                throw loss
            } catch {
                if !failed { log(.warning, "the session was not renewed", ["error": "\(error)"]) }
                failed = true
            }
        }
    }

    /// Looks at the cluster after renewals: one more statement, and all that an idle worker sends.
    ///
    /// In a loop of its own, but on the connection of the renewals, so that an idle process has no other: a look that
    /// hangs is given up in time for the next renewal.
    func lookAround() async {
        var errors = ErrorReporter("session", logger: parts.logger)
        for await intervals in renewals.stream {
            do {
                let known = ledger.known
                heed(try await look(after: intervals), after: known)
                errors.resolved()
            } catch {
                errors.report("looking at the cluster failed: \(error)")
            }
        }
    }

    /// Tells children and probes until when the session may act.
    func passOn(_ deadline: ContinuousClock.Instant) {
        parts.children.extendAll(until: deadline)
        parts.pulse.held(until: deadline)
    }

    private func renewSession() async throws -> Bool {
        let (session, duration) = (session, settings.lease.leaseDuration)
        let doorbell = await parts.address()
        let (isRenewed, server) = try await sessionDatabase.withRepeatableSession { connection in
            (
                try SessionStatements.renew(session, lease: duration, doorbell: doorbell, on: connection),
                connection.server
            )
        }
        parts.metrics.renewed(on: server)
        return isRenewed
    }

    private func look(after intervals: Int) async throws -> Reaper.Sighted {
        let (session, node, passedOver) = (session, node, conditions.passedOver)
        let isFree = ledger.freeSlots > 0 && !passedOver.tasks.isEmpty
        let queues = isFree ? QueueName.claimOrder(targets: targets()) : []
        let (scope, prober) = (await reaper.nextScope(for: session, after: intervals), settings.prober)
        return try await sessionDatabase.withRepeatableSession { connection in
            let asked = ContinuousClock.now
            let seen = try SessionSnapshotStatements.look(
                from: session,
                on: node,
                scope,
                into: queues,
                passedOver,
                prober: prober,
                on: connection
            )
            return Reaper.Sighted(seen, askedAt: asked, answeredAt: .now)
        }
    }

    private func heed(_ look: Reaper.Sighted, after known: SessionWork.Known) {
        let seen = look.surroundings
        conditions.setDraining(seen.isDraining)
        if let cluster = seen.cluster {
            parts.pulse.sawSchema(at: cluster.schemaVersion, floor: cluster.schemaFloor)
        }
        let standing = NodeStanding(
            mayBeElected: seen.mayBeElected,
            probePlan: seen.probePlan,
            expiresAt: look.askedAt + settings.lease.leaseDuration
        )
        parts.pulse.sawNode(seen.hasNode ? standing : nil)
        if !seen.hasNode, !conditions.isNodeGone {
            log(.error, "the node has been removed: ending the session")
            conditions.loseNode()
            parts.doorbell.ring()
        }
        conditions.looked(askedAt: look.askedAt, foundWork: seen.hasWork)
        looks.continuation.yield(look)
        if seen.cluster?.hasCascades == true { cascades.continuation.yield() }
        endCancelled(among: seen.executing)
        for id in ledger.interruptLost(among: seen.executing, readAfter: known) {
            log(.warning, "claim is not in the database any more; interrupting its run", ["operation": "\(id)"])
        }
        // The loop that claims compares: a claim of its own may just be on its way from the database to the ledger.
        let isUnknown = !ledger.unknown(among: seen.executing, readAfter: known).isEmpty
        if isUnknown { conditions.seeUnknown() }
        if isUnknown || (seen.hasWork && !seen.isDraining) { parts.doorbell.ring() }
    }

    /// Ends the session when its time is up, also while a renewal waits for a database that hangs.
    func watchFence() async throws {
        while conditions.deadline > .now {
            // Until the deadline that held when it began; each renewal moves it, so it is asked for again.
            guard (try? await Task.sleep(until: conditions.deadline, clock: .continuous)) != nil else { return }
        }
        throw lose("it could not be renewed in time")
    }

    private struct SessionLost: Error {}

    private func lose(_ reason: String) -> SessionLost {
        log(.error, "losing the session", ["reason": "\(reason)"])
        conditions.lose { parts.children.endLease() }
        parts.doorbell.ring()
        idle.continuation.yield()
        return SessionLost()
    }

    /// Goes by what the renewals see, and looks by itself only when a session is about to have been silent for its
    /// lease.
    ///
    /// A renewal is seen one renewal interval late at most, and its end is looked for at the moment it comes: an
    /// operation is back within lease + 2 s of its worker's death.
    func reap() async {
        var errors = ErrorReporter("reaper", logger: parts.logger)
        for await look in looks.stream {
            do {
                try await reaper.act(on: look)
                conditions.allowRest(await reaper.allowsRest)
                if await reaper.readsOn { try await reaper.watch(from: session) }
                if let death = await reaper.nextDeath, death - .now < settings.lease.renewInterval {
                    // Silence is no event: that a lease is over shows only at its end.
                    guard (try? await Task.sleep(until: death, clock: .continuous)) != nil else { return }
                    try await reaper.watch(from: session)
                }
                errors.resolved()
            } catch {
                // Made up for by the next.
                errors.report("reaping failed: \(error)")
            }
        }
    }

    /// Goes on with what depends on ended operations, batch by batch, until nothing is left that nobody else goes on
    /// with.
    ///
    /// In a loop of its own: neither outcomes nor deaths wait for it.
    func cascade() async {
        let work = CascadeWork(database: parts.database)
        var errors = ErrorReporter("cascades", logger: parts.logger)
        for await _ in cascades.stream {
            do {
                while !Task.isCancelled, let effects = try await work.batch() {
                    announcer.announce(effects.ended)
                    parts.metrics.ended(effects.states)
                    if !effects.ready.isEmpty { parts.doorbell.nudge() }
                    await parts.waker.wake(effects.ready)
                }
                errors.resolved()
            } catch {
                // The next look finds what is left.
                errors.report("releasing dependents failed: \(error)")
            }
        }
    }
}
