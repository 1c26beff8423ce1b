import DatabaseTime

/// A worker's report on an attempt that is over.
package enum AttemptReport: Sendable, Hashable {
    /// The work is done; a result is JSON text, and `omitted` says why one was left out.
    case succeeded(result: String?, omitted: String? = nil)
    /// The handler failed; it may be tried again.
    case failed(OperationFailure)
    /// The command said "try again later".
    case deferred
    /// The work was not finished and did not fail: the worker drains, or lost track of it.
    case handedBack
    /// It could not be begun, because of the machine and not of the operation.
    case nodeCannot(TaskName, reason: String)
    /// The worker's session died; said by a reaper, and by an elected node that follows one which fell silent.
    case reaped
    /// The worker's node has handed the elected role over; said by the node that follows it.
    case takenOver
    /// It was not started, because its deadline had passed.
    case expired
    /// It still ran at its deadline, and was ended for that.
    case overran
}

/// A decision on what becomes of an operation after an attempt.
///
/// Pure.
package enum AttemptDecision: Sendable {
    case end(OperationOutcome)
    case requeue(Requeue)

    /// Deliveries after which an operation that keeps losing its workers is given up: it may be what kills them.
    static let deliveriesBeyondFailures = 5

    /// Decides.
    ///
    /// - Parameters:
    ///   - report: What the worker says.
    ///   - operation: As it stands under its lock, executing.
    ///   - now: The database's time.
    ///   - random: A number from 0 to 1, for the jitter.
    package init(_ report: AttemptReport, of operation: AttemptStanding, now: Timestamp, random: Double) {
        if case .succeeded(let result, let omitted) = report {
            self = .end(.complete(result: result, omitted: omitted))
            return
        }
        if operation.isCancelRequested {
            // A cancel-requested operation never returns.
            self = .end(.cancelled("it was cancelled while it ran"))
            return
        }
        var requeue = Requeue(history: operation.history)
        switch report {
        case .succeeded: preconditionFailure("decided above")
        case .expired:
            self = .end(.pastDeadline("it was not started before its deadline"))
            return
        case .overran:
            self = .end(.pastDeadline("it still ran at its deadline, and was ended"))
            return
        case .failed(let failure):
            if operation.failures + 1 >= operation.maximumAttempts {
                self = .end(.error(failure, afterAttempt: true))
                return
            }
            requeue.failures = 1
            requeue.pause = Backoff.retry.pause(after: operation.failures + 1, random: random)
            requeue.record(.failed, of: operation, at: now, failure)
        case .deferred:
            requeue.deferrals = 1
            requeue.pause = Backoff.deferral.pause(after: operation.deferCount + 1, random: random)
            requeue.record(.deferred, of: operation, at: now)
        case .handedBack:
            requeue.record(.handedBack, of: operation, at: now)
        case .nodeCannot(let task, let reason):
            let message = "'\(task)' cannot be started on this node: \(reason)"
            requeue.record(.nodeCannot, of: operation, at: now, OperationFailure(code: "node_cannot", message: message))
        case .reaped:
            requeue.record(.reaped, of: operation, at: now)
        case .takenOver:
            requeue.record(.takenOver, of: operation, at: now)
        }
        if let failure = Self.exhaustion(of: operation, report: report, pause: requeue.pause, now: now) {
            self = .end(.error(failure, afterAttempt: requeue.failures == 1))
        } else {
            self = .requeue(requeue)
        }
    }

    /// Returns the reason why it must not be requeued although it could be; nil when there is none.
    private static func exhaustion(
        of operation: AttemptStanding,
        report: AttemptReport,
        pause: Duration,
        now: Timestamp
    ) -> OperationFailure? {
        if report == .reaped {
            let lost = operation.history.count { $0.outcome == .reaped } + 1
            if lost > deliveriesBeyondFailures {
                return OperationFailure(
                    code: "poison",
                    message: "\(lost) workers died while they ran it; it is not given to another"
                )
            }
        }
        if let deadline = operation.deadline, now.microseconds + pause.wholeMicroseconds >= deadline.microseconds {
            return OperationFailure(
                code: "deadline_passed",
                message: "its deadline, \(deadline), comes before the next attempt"
            )
        }
        return nil
    }
}

extension Requeue {
    fileprivate mutating func record(
        _ outcome: AttemptRecord.Outcome,
        of operation: AttemptStanding,
        at now: Timestamp,
        _ failure: OperationFailure? = nil
    ) {
        history.append(
            AttemptRecord(
                delivery: operation.deliveries,
                outcome: outcome,
                node: operation.worker.node,
                session: operation.worker.session,
                readyAt: operation.couldRunSince,
                startedAt: operation.startedAt,
                endedAt: now,
                error: failure
            )
        )
        if history.count > AttemptRecord.mostKept { history.removeFirst(history.count - AttemptRecord.mostKept) }
    }
}
