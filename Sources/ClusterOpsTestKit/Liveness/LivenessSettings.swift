/// The settings of a liveness run.
public struct LivenessSettings: Sendable {
    /// The seed from which every choice follows; the order in which threads run does not.
    public var seed: UInt64
    /// The time for which there is load; a third of it is for a backlog that never ends, the rest for troubles.
    public var duration: Duration
    /// Workers at once, each with a session of its own.
    public var workers = 3
    /// The number of operations that each of them runs at once.
    public var slots = 4
    /// The time that an operation may wait that could run, with a slot free for it.
    ///
    /// A second of patience with a row that others hold, two renewals until a poll, and as much again for a machine
    /// of two cores that others use too; a claim that is stopped holds for longer.
    public var bound: Duration = .seconds(5)
    /// The time by which that may take longer for what a step of the database's clock has put off: two polls, which
    /// come with a worker's renewals, until it is pulled back although its row is held, and its delay anew.
    public var boundAfterStep: Duration = .seconds(5)
    /// The time after which a wait is explained, and the explanation judged.
    public var explainedAfter: Duration = .seconds(2)
    /// From when on an operation counts for the reserved share of slots.
    public var stalenessBound: Duration = .seconds(2)
    /// The time for which a claim stands still in its transaction: longer than the bound, and shorter than the ten
    /// seconds after which the server ends it.
    public var stoppedClaim: Duration = .seconds(7)
    /// Sets the database's clock ahead of the true time, or behind it; nil leaves it alone.
    public var stepClock: (@Sendable (Duration) throws -> Void)?

    /// Creates settings.
    public init(seed: UInt64, duration: Duration) {
        self.seed = seed
        self.duration = duration
    }

    func generator(_ number: UInt64) -> SeededGenerator { SeededGenerator(seed: seed &+ number &* 0x9e37_79b9) }
}

/// The purpose of an operation in a liveness run; its requester says so.
enum LivenessPart: String, Sendable {
    /// Asked for by somebody, now and then.
    case plain
    /// Others keep depending on it.
    case hot
    /// A stranger holds its row for a while.
    case held
    /// Of a target that a stopped claim holds.
    case behind
    /// An operation that the stopped claim has taken: nobody else is to run it.
    case stopped
    /// A backlog of the best lane that never ends.
    case backlog
    /// Of the worst lane, behind that backlog.
    case stale
}
