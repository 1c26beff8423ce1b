/// The result of a command that ran.
public struct CommandResult: Sendable {
    /// The way in which the command itself ended.
    public let exit: ChildExit
    /// The cause of the end.
    public let cause: Cause
    /// The part of its standard output that was kept.
    public let standardOutput: CollectedOutput
    /// The part of its standard error that was kept.
    public let standardError: CollectedOutput
    /// Processes of the command that live on because the kernel did not allow to kill them (they run as another user).
    ///
    /// False means that every descendant is gone.
    public let leftDescendants: Bool

    /// A Boolean value that indicates whether its time ran out.
    ///
    /// It may have ended with code 0 all the same, within its grace.
    public var timedOut: Bool { cause == .timeout }

    /// The causes of a command's end.
    public enum Cause: Hashable, Sendable {
        /// The command itself (or a stranger's signal).
        case itself
        /// Its timeout.
        case timeout
        /// The cancellation of the task that ran it.
        case cancellation
        /// The lease was not extended in time.
        case lease
        /// ``CommandKeeper/killAll()``.
        case killAll
    }
}
