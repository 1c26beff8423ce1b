import ClusterModel
import DatabaseTime
import MariaDB

/// An explanation of why an operation has not run, or of what became of it, as `op explain` prints it.
package struct ExplanationView: Codable, Sendable, Hashable {
    /// The operation.
    package let uuid: OperationID
    /// The state of the operation.
    package let state: OperationState
    /// The queue in which it waits, or waited; of a row that cannot be decoded, whatever its column holds.
    package let queueName: String
    /// The time at which this was true, by the database's clock.
    package let seenAt: Timestamp
    /// Every reason, the one that weighs most first; never empty.
    package let reasons: [ReasonView]
    /// The reason why it ended without completing.
    @NullWhenUnknown package var error: OperationFailure?
    /// The attempts that did not end it, oldest first.
    package let attemptHistory: [AttemptRecord]

    private enum CodingKeys: String, CodingKey {
        case uuid, state, reasons, error
        case queueName = "queue_name"
        case seenAt = "seen_at"
        case attemptHistory = "attempt_history"
    }
}

/// One reason why an operation stands where it does.
package struct ReasonView: Codable, Sendable, Hashable {
    /// The cause that keeps an operation from running, or the event that happened to it.
    package enum Reason: String, Codable, Sendable, Hashable, CaseIterable {
        // What keeps it from running.
        case nodeRemoved = "node_removed"
        case dependencyEnded = "dependency_ended"
        case dependenciesLeft = "dependencies_left"
        case notBefore = "not_before"
        case clockSetBack = "clock_set_back"
        case paused
        case targetBusy = "target_busy"
        case noLeader = "no_leader"
        case noWorker = "no_worker"
        case draining
        case notRunnable = "not_runnable"
        case workersBusy = "workers_busy"
        case refused
        case locked
        case ahead
        case aboutToRun = "about_to_run"
        case unreadable
        case deadline
        // What happens to it.
        case executing
        case workerGone = "worker_gone"
        case cancelRequested = "cancel_requested"
        case folded
        // What happened to it.
        case complete
        case error
        case aborted
        case cancelled
    }

    /// The reason as a word for scripts.
    package let reason: Reason
    /// A sentence for people.
    package let message: String
    /// The operations that it is about.
    package var operations: [OperationID] = []
    /// The rule that pauses the queue.
    @NullWhenUnknown package var pattern: String?
    /// Since when it holds.
    @NullWhenUnknown package var since: Timestamp?
    /// The time at which it ends by itself, or, of a deadline, at which the deadline passes.
    @NullWhenUnknown package var until: Timestamp?
    /// The number of operations or workers that it is about.
    @NullWhenUnknown package var count: Int?

    init(
        _ reason: Reason,
        _ message: String,
        operations: [OperationID] = [],
        pattern: String? = nil,
        since: Timestamp? = nil,
        until: Timestamp? = nil,
        count: Int? = nil
    ) {
        self.reason = reason
        self.message = message
        self.operations = operations
        self.pattern = pattern
        self.since = since
        self.until = until
        self.count = count
    }
}
