import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// The loop by which an epoch takes operations from its queues.
extension WorkEpoch {
    func claim(in group: inout ThrowingDiscardingTaskGroup<any Error>) async {
        var terms = terms
        var claiming = claiming(by: terms)
        parts.metrics.unstartable(terms.obstacles.count)
        var errors = ErrorReporter("claims", logger: parts.logger)
        var heldPause = HeldPause(longest: settings.pollInterval)
        while !conditions.isLost, !conditions.isNodeGone, !Task.isShuttingDownGracefully, !Task.isCancelled {
            parts.pulse.turned()
            do {
                if try await renegotiate(&terms) { claiming = self.claiming(by: terms) }
                waitForHeld(&claiming, terms.agreed.handlers, in: &group)
                await letAttemptsEnd()
                // Before the slots are counted: one that falls free after that rings.
                conditions.wantSlots(true)
                let free = conditions.isDraining ? 0 : ledger.freeSlots
                let claims = try await claiming.claim(
                    upTo: free,
                    from: QueueName.claimOrder(targets: targets()),
                    by: identity
                )
                conditions.wantSlots(!claiming.hasTakenAll)
                conditions.passOver(claiming.filter)
                if free > 0 { errors.resolved() }
                parts.pulse.worked()
                // A claim that came back too late is not begun: its operations are found by the next reaper's pass.
                if conditions.isLost || conditions.deadline <= .now { return }
                tellUnreadable(claiming.takeUnreadable())
                // A call that brings no work may have been for something that runs, and so may one that does, if more
                // runs than was claimed. Looked up in this loop, so that no claim of ours can be between the database
                // and the ledger meanwhile.
                let runsMore = claims.isEmpty || ledger.runningCount > 0
                start(claims, terms.agreed.handlers, in: &group)
                let isCalled = runsMore && parts.doorbell.takeCall()
                if conditions.takeUnknown() || (isCalled && ledger.runningCount > 0) { try await reconcile() }
                if !claims.isEmpty { heldPause.reset() }
                if claims.isEmpty, claiming.isHeldUp, heldPause.isFirst {
                    claiming.hurry(at: .now)
                    waitForHeld(&claiming, terms.agreed.handlers, in: &group)
                }
                if claims.isEmpty || claiming.hasTakenAll {
                    await rest(claiming.isHeldUp ? pause(&heldPause, claiming) : nil)
                }
            } catch {
                errors.report("claiming failed: \(error)")
                parts.pulse.failed("claiming failed: \(error)")
                // It may have happened all the same.
                conditions.disturb()
                await rest()
            }
        }
    }

    /// Yields in a row in which no attempt ends before those that run are taken to go on: about 0.1 ms.
    ///
    /// On its way to its end an attempt passes from task to task, and from thread to thread.
    private static let yieldsUntilQuiet = 20
    /// The longest that it takes: where very much can run, each yield is long.
    private static let mostForEnds: Duration = .milliseconds(5)

    /// Lets attempts that are about to end do so: a claim, or the writing of outcomes, costs much the same for one
    /// operation as for all that have just ended.
    ///
    /// It waits for nothing: what can run now runs first.
    func letAttemptsEnd() async {
        var (running, quiet) = (ledger.runningCount, 0)
        let until = ContinuousClock.now + Self.mostForEnds
        while running > 0, quiet < Self.yieldsUntilQuiet, .now < until {
            await Task.yield()
            let left = ledger.runningCount
            quiet = left < running ? 0 : quiet + 1
            running = left
        }
    }

    /// A row may be due and not be waited for yet; the queues are not read without a pause because of it.
    private static let shortestPause: Duration = .milliseconds(20)

    /// The pause while all that waits is held: until it is time to wait for a row, at the latest.
    private func pause(_ heldPause: inout HeldPause, _ claiming: Claiming) -> Duration {
        let pause = heldPause.next()
        // One that is being waited for rings when that is over.
        guard let choice = ledger.awaitable, let untilDue = claiming.untilDue(among: choice, at: .now) else {
            return pause
        }
        return min(max(untilDue, Self.shortestPause), pause)
    }

    /// Begins to wait for an operation that others have kept from being taken, beside the claims of all others.
    private func waitForHeld(
        _ claiming: inout Claiming,
        _ handlers: [any TaskHandler],
        in group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        guard !conditions.isDraining, ledger.freeSlots > 0, let choice = ledger.awaitable,
            let wait = claiming.takeDue(among: choice, at: .now)
        else { return }
        ledger.await(wait)
        let claiming = claiming
        group.addTask {
            var claim: Claim?
            do {
                claim = try await claiming.claim(waitingFor: wait, by: identity)
            } catch {
                // It may be ours all the same. The loop that claims tells of a database that is away.
                conditions.disturb()
                conditions.seeUnknown()
            }
            guard let claim, !conditions.isLost, conditions.deadline > .now else {
                ledger.stopAwaiting(wait.id)
                parts.doorbell.nudge()
                return
            }
            let interruption = begin(claim)
            ledger.stopAwaiting(wait.id)
            await run(claim, handlers, interruption)
        }
    }

    /// Waits for a ring, or a slot that falls free and is of use (which rings too), until a poll is due that no renewal
    /// has made.
    ///
    /// - Parameter pause: Another time, after which the queues are looked at in any case.
    private func rest(_ pause: Duration? = nil) async {
        while true {
            switch await parts.doorbell.wait(upTo: pause ?? settings.pollInterval) {
            case .rung, .shutDown: return
            case .timedOut: if pause != nil || conditions.isPollDue { return }
            }
            parts.pulse.turned()
        }
    }

    /// Says which operations are skipped, each once; `unreadableOperations` finds them later.
    private func tellUnreadable(_ operations: [UnreadableOperation]) {
        for operation in operations {
            log(
                .error,
                "an operation is skipped because it cannot be decoded or taken",
                ["operation": "\(operation.id)", "reason": "\(operation.reason)"]
            )
        }
        parts.counters.skippedUnreadable(operations.count)
    }

    private func start(
        _ claims: [Claim],
        _ handlers: [any TaskHandler],
        in group: inout ThrowingDiscardingTaskGroup<any Error>
    ) {
        for claim in claims {
            let interruption = begin(claim)
            group.addTask { await run(claim, handlers, interruption) }
        }
    }
}
