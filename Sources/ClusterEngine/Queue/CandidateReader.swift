import ClusterModel
import ClusterStore
import MariaDB

/// Chooses among what stands in front of the queues, and remembers from look to look what is not for this worker.
struct CandidateReader: Sendable {
    /// Entries of a short look: beyond them the backlog is the slower part anyway.
    static let shortLook = 64

    let runnable: [TaskName: TaskDefinition]
    private var policy: ClaimPolicy
    private var foreign: ForeignWork
    private var held = HeldWork()
    private var spread = ClaimSpread()
    private var untold: [UnreadableOperation] = []
    /// A Boolean value that indicates whether a short read of the queues would most likely be in vain.
    private var isBacklogged = false

    init(runnable: [TaskName: TaskDefinition], policy: ClaimPolicy) {
        self.runnable = runnable
        self.policy = policy
        foreign = ForeignWork(runnable: runnable.keys.sorted())
    }

    var canRunAnything: Bool { !runnable.isEmpty }

    /// Takes note of the machine that the worker is on.
    mutating func work(on node: NodeID) { foreign.work(on: node) }
    var filter: ClaimFilter { foreign.filter }

    /// Looks into queues.
    ///
    /// - Returns: What to claim, best first; whether the next look would pass over more than this one; and whether
    ///   nothing that is due was out of sight, or waits for a target that somebody has.
    mutating func look(
        into queues: [QueueName],
        _ freeSlots: Int,
        at now: SuspendingClock.Instant,
        on session: borrowing Session
    ) throws -> (choices: [ClaimPolicy.Choice], hasLearnt: Bool, sawAll: Bool) {
        foreign.forget(at: now)
        let filter = foreign.filter
        let limit = Claiming.candidates(for: freeSlots)
        var heads = ClaimStatements.Heads()
        heads.isCutOff = true
        if !isBacklogged {
            heads = try ClaimStatements.candidates(in: queues, .everything(most: Self.shortLook), filter, on: session)
        }
        // Of a mixed queue there is the head alone.
        let sawAll = !heads.isCutOff && filter.mixed.isEmpty && heads.busy.isEmpty
        if heads.isCutOff {
            let look = ClaimStatements.Look.heads(ofEach: max(limit, spread.width), besides: heads.busy)
            heads = try ClaimStatements.candidates(in: queues, look, filter, on: session)
            isBacklogged = heads.candidates.count >= min(limit, Self.shortLook)
        }
        for (queue, operations) in heads.unreadable { leaveOut(operations, in: queue) }
        let possible = heads.candidates.filter { candidate in
            if candidate.tasks.allSatisfy({ runnable[$0] != nil }) { return true }
            foreign.saw(candidate.tasks, in: candidate.queue, at: now)
            return false
        }
        held.keep(only: possible.map(\.id))
        var generator = SystemRandomNumberGenerator()
        let choices = spread.spread(policy.order(possible, now: heads.now), most: limit, using: &generator)
        return (choices, foreign.filter != filter, sawAll)
    }

    /// Takes note of what a claim has got of what it was to take.
    mutating func claimed(_ count: Int, skipped: Int) { spread.claimed(count, skipped: skipped) }

    /// Takes note of operations that were to be taken and whose rows others held.
    mutating func skipped(_ ids: [OperationID], at now: SuspendingClock.Instant) { held.skipped(ids, at: now) }

    /// Lets a row that others hold be waited for at once, as nothing else is to be taken.
    mutating func hurry(at now: SuspendingClock.Instant) { held.hurry(at: now) }

    /// Returns the time until a row that others hold is to be waited for.
    func untilDue(among choice: HeldWork.Choice, at now: SuspendingClock.Instant) -> Duration? {
        held.untilDue(among: choice, at: now)
    }

    /// Returns an operation whose row others have held for too long, to be waited for.
    mutating func takeDue(among choice: HeldWork.Choice, at now: SuspendingClock.Instant) -> HeldWork.Wait? {
        held.takeDue(among: choice, at: now)
    }

    mutating func took(_ choices: [ClaimPolicy.Choice], _ claims: [Claim]) {
        let claimed = Set(claims.map(\.operation.id))
        policy.took(choices.filter { claimed.contains($0.candidate.id) })
    }

    /// Passes over operations that turned out to be undecodable, or were refused by the database, when they were to
    /// be taken.
    mutating func leaveOut(_ operations: [UnreadableOperation], of choices: [ClaimPolicy.Choice]) {
        guard !operations.isEmpty else { return }
        let queues = Dictionary(choices.map { ($0.candidate.id, $0.candidate.queue) }, uniquingKeysWith: { $1 })
        for operation in operations {
            if let queue = queues[operation.id] { leaveOut([operation], in: queue) }
        }
    }

    private mutating func leaveOut(_ operations: [UnreadableOperation], in queue: QueueName) {
        for operation in operations where foreign.saw(unreadable: operation.id, in: queue) { untold.append(operation) }
    }

    /// Operations that are skipped because they cannot be decoded or taken, each told once.
    mutating func takeUnreadable() -> [UnreadableOperation] {
        defer { untold = [] }
        return untold
    }
}
