import ClusterModel

/// Does the work of one task.
///
/// It may run more than once for one operation, also after it has succeeded: it must be idempotent. Wanted state is
/// read *inside*: everything that was committed before the operation's request is visible then, and so are the
/// requests that were folded into it. Cancellation of the Swift task means that the right to act ends now.
public protocol TaskHandler: Sendable {
    /// The definition of the task, as the cluster is told of it.
    var definition: TaskDefinition { get }

    /// The reason for which this machine cannot run the task, as far as it can be seen without running it; nil when
    /// there is none.
    ///
    /// Asked for about once a second. While there is one, operations are left to other nodes, and the cluster is told.
    var obstacle: String? { get async }

    /// Runs the task once.
    ///
    /// - Returns: What to write down of it.
    func run(_ attempt: Attempt) async -> TaskOutcome
}

extension TaskHandler {
    /// Nothing.
    public var obstacle: String? { get async { nil } }
}

/// One run of one task.
public struct Attempt: Sendable {
    /// The operation, as it stood when it was claimed.
    public let operation: Operation
    /// The task of the operation that is run.
    public let task: TaskName
    /// 1 for the first attempt; deliveries that were lost do not count.
    public let number: Int
    /// The node that runs it.
    public let node: NodeName
    /// Is given the command that runs the task, so that what it prints is kept.
    package var prints: @Sendable (any PrintingCommand) -> Void = { _ in }
}

/// The outcome of one run of a task.
public enum TaskOutcome: Sendable, Hashable {
    /// The work is done; a result is JSON text of at most 64 KiB.
    case done(result: String?)
    /// The work is done, and what it gave as a result is not kept, for a reason in words.
    case doneWithoutResult(String)
    /// It failed, and is tried again while attempts are left.
    case failed(OperationFailure)
    /// It cannot be done yet: it is tried again later, and no attempt is spent.
    case tryLater
    /// It was interrupted because the worker stops; another one begins anew.
    case interrupted
    /// This machine could not begin it, for a reason in words that is not the operation's: a program that is missing,
    /// no memory for a process.
    ///
    /// No attempt is spent, the operation keeps its place in the queue for other nodes, and this one leaves the task
    /// alone for a while.
    case nodeCannot(String)
}

/// The built-in task that does nothing, for tests, benchmarks and as a joint of graphs.
package struct NoopHandler: TaskHandler {
    /// Creates one.
    package init() {}

    /// The definition of `noop`.
    package var definition: TaskDefinition { BuiltInTask.noop.definition }

    /// Does nothing, at once.
    package func run(_ attempt: Attempt) async -> TaskOutcome { .done(result: nil) }
}
