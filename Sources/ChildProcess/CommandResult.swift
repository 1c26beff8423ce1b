/// What came of a command that ran.
public struct CommandResult: Sendable {
    /// How the command itself ended.
    public let exit: ChildExit
    /// Who brought the end about.
    public let cause: Cause
    /// What was kept of its standard output.
    public let standardOutput: CollectedOutput
    /// What was kept of its standard error.
    public let standardError: CollectedOutput
    /// Processes of the command that live on because the kernel did not allow to kill them (they run as another user).
    ///
    /// False means that every descendant is gone.
    public let leftDescendants: Bool

    /// Whether its time ran out.
    ///
    /// It may have ended with code 0 all the same, within its grace.
    public var timedOut: Bool { cause == .timeout }

    /// Who ended a command.
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
