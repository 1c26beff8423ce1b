import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// Drains queues: claims operations under a leased session, runs them, and settles them in batches.
///
/// A session is an *epoch*: a task group in which everything that acts under the session is a child. When the lease
/// cannot be renewed the group is cancelled as a whole, children of the operating system included, before the
/// database gives the operations to others; then a new epoch begins.
package struct Worker: Service {
    /// The settings of a worker.
    package struct Settings: Sendable {
        package var daemon: DaemonName
        package var node: NodeName
        package var slots: Int
        package var pollInterval: Duration
        package var stalenessBound: Duration
        package var lease: SessionLease.Timing
        /// The time for which running operations may go on after SIGTERM; then they are interrupted and requeued.
        package var drainTimeout: Duration = .seconds(30)

        /// A Boolean value that indicates whether the cluster is told what this worker can run; netnode's tasks are
        /// known to all.
        var registersTasks: Bool { daemon == .queueworker }
        /// The node whose probes are read with its looks; of the daemons of a node netnode sends them.
        var prober: NodeName? { daemon == .netnode ? node : nil }

        package init(
            daemon: DaemonName,
            node: NodeName,
            slots: Int,
            pollInterval: Duration,
            stalenessBound: Duration,
            lease: SessionLease.Timing
        ) {
            self.daemon = daemon
            self.node = node
            self.slots = slots
            self.pollInterval = pollInterval
            self.stalenessBound = stalenessBound
            self.lease = lease
        }
    }

    /// The parts that a worker works with.
    package struct Parts: Sendable {
        package var database: Database
        package var handlers: [any TaskHandler]
        /// Rung when there may be work; the worker's alone.
        package var doorbell: Doorbell
        /// The address at which others ring, once it is bound.
        package var address: @Sendable () async -> HostPort?
        package var waker: any Waker
        package var counters: CoalescingCounters
        package var children: any ChildrenLease
        package var logger: Logger
        package var metrics = WorkMetrics()
        /// The processes that this one supervises, as they are now; asked for every ten seconds.
        package var supervised: @Sendable () async -> [ProcessReading] = { [] }
        /// The obstacles that keep this node from running its tasks.
        let readiness = TaskReadiness()
        /// Told of what the worker does.
        package var pulse = WorkPulse()
        /// The terms that take the place of `handlers` and the settings' bound, where they may change.
        package var terms: Adjustable<WorkTerms>?

        package init(
            database: Database,
            handlers: [any TaskHandler],
            doorbell: Doorbell,
            address: @escaping @Sendable () async -> HostPort?,
            waker: any Waker,
            counters: CoalescingCounters,
            children: any ChildrenLease,
            logger: Logger
        ) {
            self.database = database
            self.handlers = handlers
            self.doorbell = doorbell
            self.address = address
            self.waker = waker
            self.counters = counters
            self.children = children
            self.logger = logger
        }
    }

    private let settings: Settings
    private let parts: Parts
    /// For what keeps the session, and nothing else: all other connections may be waiting, for the database or for
    /// whoever the caller lends them to.
    package let sessionDatabase: Database
    private let terms: Adjustable<WorkTerms>
    private let targets: @Sendable () -> [QueueTarget]

    /// Creates a worker; nothing happens before `run()`.
    ///
    /// `targets` are what it drains, in order of preference within a lane; asked anew at each look, because a node that
    /// is elected drains more.
    package init(_ settings: Settings, _ parts: Parts, targets: @escaping @Sendable () -> [QueueTarget]) {
        self.settings = settings
        self.parts = parts
        sessionDatabase = parts.database.companion(
            connections: 1,
            timeouts: .ofRenewals(lease: settings.lease.leaseDuration)
        )
        terms =
            parts.terms
            ?? Adjustable(WorkTerms(handlers: parts.handlers, stalenessBound: settings.stalenessBound))
        self.targets = targets
    }

    /// Works until graceful shutdown, then finishes or hands back what runs.
    package func run() async throws {
        do {
            try await work()
            await sessionDatabase.close()
        } catch {
            await sessionDatabase.close()
            throw error
        }
    }

    private func work() async throws {
        var errors = ErrorReporter("session", logger: parts.logger)
        let reaper = Reaper(
            database: parts.database,
            waker: parts.waker,
            metrics: parts.metrics,
            logger: parts.logger
        )
        var inheritance: WorkEpoch.Inheritance?
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            parts.pulse.turned()
            do {
                let (terms, revision) = terms.current
                if let node = try await enter() {
                    errors.resolved()
                    parts.pulse.worked()
                    await waitForDoorbell()
                    let epoch = WorkEpoch(
                        settings: settings,
                        parts: parts,
                        sessionDatabase: sessionDatabase,
                        targets: targets,
                        terms: WorkEpoch.Terms(agreed: terms, revision: revision, latest: self.terms),
                        node: node,
                        reaper: reaper
                    )
                    inheritance = try await epoch.run(inheriting: inheritance)
                    continue
                }
                tell(&errors, "the node is not added: run 'clusterctl node add \(settings.node) --underlay ADDRESS'")
            } catch let error as Migrator.Refusal {
                tell(&errors, "\(error)")
            } catch let error as DatabaseError {
                tell(&errors, "\(ClusterOpsError(error))")
            }
            _ = await pause(for: Self.pauseBeforeNextTry)
        }
    }

    private func tell(_ errors: inout ErrorReporter, _ message: String) {
        errors.report(message)
        parts.pulse.failed(message)
    }

    /// Between attempts to begin: short enough to be at work soon after the database is, and no load on it.
    private static let pauseBeforeNextTry: Duration = .seconds(1)

    /// The time for which a session waits for the address of its doorbell; binding takes milliseconds.
    private static let patienceForDoorbell: Duration = .seconds(1)
    private static let lookForDoorbell: Duration = .milliseconds(10)

    /// Waits until it is known where others ring.
    ///
    /// A session that is opened without it is rung by nobody until its first renewal.
    private func waitForDoorbell() async {
        let deadline = ContinuousClock.now + Self.patienceForDoorbell
        while await parts.address() == nil, ContinuousClock.now < deadline,
            await pause(for: Self.lookForDoorbell) == .elapsed
        {}
    }

    /// Finds the node, once the schema is right.
    private func enter() async throws -> NodeID? {
        let name = settings.node
        return try await parts.database.withTransaction { transaction in
            let status = try Migrations.migrator.status(on: transaction.session)
            if status.isTooNew { throw Migrator.Refusal.databaseIsNewer(status) }
            guard status.isMigrated else {
                throw DatabaseError(code: .unknownTable, phase: .execute, message: "version \(status.version)")
            }
            return try SessionStatements.node(name, on: transaction.session)?.id
        }
    }
}

extension ConnectionConfiguration.Timeouts {
    /// Times out in time to renew a session over another connection: twice in a lease.
    ///
    /// Whole seconds, at least one; renewals are statements of a millisecond.
    static func ofRenewals(lease: Duration) -> Self {
        let limit = Duration.seconds(max(1, (lease / 3).components.seconds))
        var timeouts = Self()
        timeouts.connect = min(timeouts.connect, limit)
        timeouts.read = min(timeouts.read, limit)
        timeouts.write = min(timeouts.write, limit)
        timeouts.lockWait = min(timeouts.lockWait, limit)
        timeouts.statement = min(timeouts.statement, limit * 0.75)
        return timeouts
    }
}

/// Ends the processes that run under a session, should the session end; `CommandKeeper` is one.
package protocol ChildrenLease: Sendable {
    /// Lets what runs, and what is to come, go on until `deadline`; never shortens.
    func extendAll(until deadline: ContinuousClock.Instant)

    /// Kills everything at once, with all its processes; more may be started.
    func killAll()

    /// Kills everything at once, and lets nothing start until the lease is extended again.
    func endLease()
}

/// For workers whose handlers start no processes.
package struct NoChildren: ChildrenLease {
    package init() {}
    package func extendAll(until deadline: ContinuousClock.Instant) {}
    package func killAll() {}
    package func endLease() {}
}
