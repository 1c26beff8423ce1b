import DatabaseTime

/// An attempt of an operation that is over, and what that means for those that ride on the operation.
///
/// Pure.
///
/// A follower asked for one task. It shares what became of that one, and nothing of what stands beside it in the
/// primary's list.
package struct PrimaryEnd: Sendable {
    /// A follower, as it stands under its lock.
    package struct Follower: Sendable {
        package let id: OperationID
        package let primary: OperationID
        /// Nil when it cannot be decoded.
        package let task: TaskName?
        package let foldedAt: Timestamp?

        package init(id: OperationID, primary: OperationID, task: TaskName?, foldedAt: Timestamp?) {
            self.id = id
            self.primary = primary
            self.task = task
            self.foldedAt = foldedAt
        }
    }

    /// The effect on a follower.
    package enum Fate: Sendable, Hashable {
        case ends(OperationOutcome)
        /// It goes back to its queue, where it keeps its place.
        case returns
        /// It rides on.
        case stays
    }

    package let id: OperationID
    /// The outcome of the primary; nil when it is requeued.
    package var outcome: OperationOutcome?
    /// The primary's tasks; empty when they are not known.
    package var tasks: [TaskName] = []
    /// The number of them, from the first, that were done in this attempt.
    package var completedTasks = 0
    /// The time at which an attempt of the primary failed for the first time before this one.
    package var firstFailedAt: Timestamp?

    /// A Boolean value that indicates whether followers have to be looked at.
    package var concernsFollowers: Bool { outcome != nil || completedTasks > 0 }

    package init(
        id: OperationID,
        outcome: OperationOutcome? = nil,
        tasks: [TaskName] = [],
        completedTasks: Int = 0,
        firstFailedAt: Timestamp? = nil
    ) {
        self.id = id
        self.outcome = outcome
        self.tasks = tasks
        self.completedTasks = completedTasks
        self.firstFailedAt = firstFailedAt
    }

    /// Decides what becomes of a follower.
    package func fate(of follower: Follower) -> Fate {
        let isDone = follower.task.map { tasks.prefix(completedTasks).contains($0) } ?? false
        guard let outcome else { return isDone ? .ends(.complete(result: nil)) : .stays }
        switch outcome.state {
        // It did everything; or its node is gone, and its followers' with it.
        case .complete, .aborted: return .ends(outcome)
        case .blocked, .queued, .executing, .folded: preconditionFailure("an outcome is an end")
        case .cancelled, .error: break
        }
        if isDone { return .ends(.complete(result: nil)) }
        // Nobody asked for the follower's end.
        guard outcome.state == .error, wasReached(follower.task) else { return .returns }
        // One that joined later has not had its own attempts yet.
        if outcome.countsAsFailure > 0, let firstFailedAt, follower.foldedAt.map({ $0 > firstFailedAt }) ?? true {
            return .returns
        }
        return .ends(outcome)
    }

    /// Returns whether the attempt came to a task without doing it; of a worker that died it is known of the first
    /// one only.
    private func wasReached(_ task: TaskName?) -> Bool {
        if Set(tasks).count == 1 { return true }
        guard completedTasks < tasks.count else { return false }
        return tasks[completedTasks] == task
    }
}
