import ClusterModel
import DatabaseTime
import MariaDB

/// All that an explanation of one operation goes by, as it was at one moment.
package struct ExplanationFacts: Sendable {
    /// A dependency that has not ended.
    package struct Dependency: Sendable, Hashable {
        package let id: OperationID
        package let mustComplete: Bool
        /// Nil for one that is nowhere, which must not be.
        ///
        /// One that has ended has so many dependents that workers go through them batch by batch.
        package let state: OperationState?
    }

    /// The operation that holds the exclusive target.
    package struct Holder: Sendable, Hashable {
        package let id: OperationID
        package let since: Timestamp?
        package let node: NodeName?
        /// False when nothing runs there, as after a hand has deleted the operation.
        package let isRunning: Bool
    }

    /// Those that drain the queue.
    package struct Workers: Sendable, Hashable {
        /// Processes with a lease that look into it.
        package var living = 0
        /// Processes that nobody has marked dead, and whose lease is over by the database's clock.
        package var silent = 0
        /// Those of the living whose node takes new work.
        package var active = 0
        /// Those of them that can run all the tasks, and start them.
        package var able = 0
        /// The number of operations that those run at once at most, or nil when one of them does not tell.
        package var slots: Int?
        /// The number of these slots that are free.
        package var free: Int?
    }

    /// The operation that it rides on.
    package struct Primary: Sendable, Hashable {
        package let id: OperationID
        package let state: OperationState
        package let startedAt: Timestamp?
        package let node: NodeName?
    }

    package let operation: Operation
    /// The database's time.
    package let now: Timestamp
    /// The time at which it was decided until when a waiting operation waits.
    package var readySetAt: Timestamp?
    package var dependencies: [Dependency] = []
    /// The rules that pause its queue.
    package var pauses: [QueuePause] = []
    package var holder: Holder?
    package var workers = Workers()
    /// The obstacles that keep those workers from starting its tasks.
    package var obstacles: [NodeObstacle] = []
    /// The node that is elected now.
    package var leader: NodeName?
    /// Operations of the same target that go first, up to `mostCounted`.
    package var ahead = 0
    package var primary: Primary?
    /// A Boolean value that indicates whether other transactions hold its row, so that nobody can take it now.
    package var isHeld = false
    /// A Boolean value that indicates whether its node was removed.
    package var isNodeGone = false
    /// A Boolean value that indicates whether the session that executes it is dead, or its lease is over.
    package var isWorkerGone = false

    package init(
        operation: Operation,
        now: Timestamp,
        readySetAt: Timestamp? = nil,
        dependencies: [Dependency] = [],
        pauses: [QueuePause] = [],
        holder: Holder? = nil,
        workers: Workers = Workers(),
        obstacles: [NodeObstacle] = [],
        leader: NodeName? = nil,
        ahead: Int = 0,
        primary: Primary? = nil,
        isHeld: Bool = false,
        isNodeGone: Bool = false,
        isWorkerGone: Bool = false
    ) {
        self.operation = operation
        self.now = now
        self.readySetAt = readySetAt
        self.dependencies = dependencies
        self.pauses = pauses
        self.holder = holder
        self.workers = workers
        self.obstacles = obstacles
        self.leader = leader
        self.ahead = ahead
        self.primary = primary
        self.isHeld = isHeld
        self.isNodeGone = isNodeGone
        self.isWorkerGone = isWorkerGone
    }

    /// Deliveries that the schema counts to; nobody can take an operation that has had them.
    package static let mostDeliveries = 1_000_000_000

    /// The number at which counting what is ahead stops.
    package static let mostCounted = 10_000
}
