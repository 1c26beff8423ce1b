import MariaDB

/// All that an explanation of one operation goes by, as it was at one moment.
struct ExplanationFacts: Sendable {
    /// A dependency that has not ended.
    struct Dependency: Sendable, Hashable {
        let id: OperationID
        let mustComplete: Bool
        /// Nil for one that is nowhere, which must not be.
        ///
        /// One that has ended has so many dependents that workers go through them batch by batch.
        let state: OperationState?
    }

    /// The operation that holds the exclusive target.
    struct Holder: Sendable, Hashable {
        let id: OperationID
        let since: Timestamp?
        let node: NodeName?
    }

    /// Those that drain the queue.
    struct Workers: Sendable, Hashable {
        /// Processes with a lease that look into it.
        var living = 0
        /// Processes that nobody has marked dead, and whose lease is over by the database's clock.
        var silent = 0
        /// Those of the living whose node takes new work.
        var active = 0
        /// Those of them that can run all the tasks, and start them.
        var able = 0
        /// What those run at once at most, or nil when one of them does not tell.
        var slots: Int?
        /// How many of these slots are free.
        var free: Int?
    }

    /// The operation that it rides on.
    struct Survivor: Sendable, Hashable {
        let id: OperationID
        let state: OperationState
        let startedAt: Timestamp?
        let node: NodeName?
    }

    let operation: Operation
    /// The database's time.
    let now: Timestamp
    /// When it was decided until when a waiting one waits.
    var readySetAt: Timestamp?
    var dependencies: [Dependency] = []
    /// The rules that pause its queue.
    var pauses: [QueuePauseView] = []
    var holder: Holder?
    var workers = Workers()
    /// What keeps those workers from starting its tasks.
    var obstacles: [NodeObstacle] = []
    /// The node that is elected now.
    var leader: NodeName?
    /// Operations of the same target that go first, up to `mostCounted`.
    var ahead = 0
    var survivor: Survivor?
    /// A Boolean value that indicates whether other transactions hold its row, so that nobody can take it now.
    var isHeld = false
    /// A Boolean value that indicates whether its node was removed.
    var isNodeGone = false
    /// Whether the session that executes it is dead, or its lease is over.
    var isWorkerGone = false

    /// Deliveries that the schema counts to; nobody can take an operation that has had them.
    static let mostDeliveries = 1_000_000_000

    /// Where counting what is ahead stops.
    static let mostCounted = 10_000
}
