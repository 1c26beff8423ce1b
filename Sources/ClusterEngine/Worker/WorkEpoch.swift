import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// Everything that a worker process does under one session.
struct WorkEpoch: Sendable {
    let settings: Worker.Settings
    let parts: Worker.Parts
    let sessionDatabase: Database
    let targets: @Sendable () -> [QueueTarget]
    let terms: Terms
    let node: NodeID
    let reaper: Reaper
    /// Random, for its place in the ring: the sessions of one node, or of nodes that were started together, are no
    /// neighbours.
    let session: SessionID
    /// Names the session in each line.
    let logger: Logger
    let ledger: WorkLedger
    let announcer: EndNotifier
    let conditions: EpochConditions
    let printing = PrintingLedger()
    /// Rung by renewals: it is time to look at the cluster, so many renewal intervals after the last look.
    let renewals = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// The snapshots of the cluster; an older one than the newest is of no use.
    let looks = AsyncStream<Reaper.Sighted>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Rung when an outcome waits to be written.
    ///
    /// Unlike a doorbell it goes on through graceful shutdown.
    let outcomes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Rung when dependents of ended operations are left.
    let cascades = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Yields when the ledger may have become idle.
    let idle = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(
        settings: Worker.Settings,
        parts: Worker.Parts,
        sessionDatabase: Database,
        targets: @escaping @Sendable () -> [QueueTarget],
        terms: Terms,
        node: NodeID,
        reaper: Reaper
    ) {
        self.settings = settings
        self.parts = parts
        self.sessionDatabase = sessionDatabase
        self.targets = targets
        self.terms = terms
        self.node = node
        self.reaper = reaper
        let session = SessionID.random()
        self.session = session
        var logger = parts.logger
        logger[metadataKey: "session"] = "\(session)"
        self.logger = logger
        ledger = WorkLedger(slots: settings.slots)
        announcer = EndNotifier(waker: parts.waker)
        conditions = EpochConditions(
            IdlePoll(interval: settings.pollInterval, renewInterval: settings.lease.renewInterval),
            RestPace(settings.lease, phase: .random(in: 0..<RestPace.intervalsOfLook))
        )
    }

    /// By what is claimed: as it was registered when the session was opened, and what has become of it since.
    struct Terms: Sendable {
        var agreed: WorkTerms
        var revision: Int
        /// The tasks that are not claimed, because they could not be started.
        var obstacles: [TaskName: TaskObstacle] = [:]
        let latest: Adjustable<WorkTerms>
    }

    var identity: WorkerIdentity {
        WorkerIdentity(session: session, node: settings.node, nodeID: node, pid: Int(ProcessIdentity.current))
    }

    /// Outcomes of a session that was lost before they could be written.
    ///
    /// They are written under their old fence by the next epoch: if nobody has reaped them meanwhile, as after an
    /// outage of the database nobody has, the work need not be done again.
    struct Inheritance: Sendable {
        let session: SessionID
        let entries: [Settling.Entry]
    }

    /// Opens the session and works under it until it is lost, or until graceful shutdown has drained it.
    ///
    /// Returns what a lost session leaves to the next one.
    func run(inheriting inheritance: Inheritance?) async throws -> Inheritance? {
        let sentAt = ContinuousClock.now
        let opening = SessionStatements.Opening(
            id: session,
            daemon: settings.daemon,
            node: node,
            nodeName: settings.node,
            pid: identity.pid,
            slots: settings.slots,
            doorbell: await parts.address(),
            lease: settings.lease.leaseDuration
        )
        let takesWork = try await open(opening)
        conditions.opened(SessionLease(settings.lease, sentAt: sentAt), isDraining: !takesWork)
        defer { parts.pulse.released() }
        passOn(conditions.deadline)
        log(.info, "session opened")
        await settle(inheritance)

        // A loss is thrown: that cancels every handler at once, also while this body waits for a database that hangs.
        try? await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.renew() }
            group.addTask { await self.lookAround() }
            group.addTask { try await self.watchFence() }
            group.addTask { await self.settle() }
            group.addTask { await self.announcer.run() }
            group.addTask { await self.reap() }
            group.addTask { await self.cascade() }
            group.addTask { await self.flushCounters() }
            group.addTask { await self.sampleProcesses() }
            group.addTask { await self.writeOutput() }
            group.addTask { await self.watchForTwins() }
            await self.claim(in: &group)
            if !conditions.isLost { await drain() }
            group.cancelAll()
        }
        let unsettled = ledger.takeUnsettled()
        if conditions.isLost {
            parts.children.endLease()
            log(.warning, "session lost", ["unsettled": "\(unsettled.count)"])
            return Inheritance(session: session, entries: unsettled)
        }
        if !unsettled.isEmpty { log(.error, "outcomes could not be written", ["count": "\(unsettled.count)"]) }
        await announcer.flush()
        // Best effort: a session that is not closed here is found dead by a reaper.
        _ = try? await parts.counters.flush()
        await close(session)
        return nil
    }

    /// Opens the session, and registers under it what can be run here.
    ///
    /// - Returns: Whether the node takes new work.
    private func open(_ opening: SessionStatements.Opening) async throws -> Bool {
        let commands = settings.registersTasks ? terms.agreed.registered : nil
        return try await sessionDatabase.withTransaction { transaction in
            try SessionStatements.open(opening, on: transaction.session)
            if let commands {
                try TaskStatements.register(commands, node: opening.node, session: opening.id, in: transaction)
            }
            return try SessionStatements.takesWork(opening.node, on: transaction.session)
        }
    }

    /// Writes what the lost session before this one has left, and closes that one.
    private func settle(_ inheritance: Inheritance?) async {
        guard let inheritance else { return }
        do {
            let settling = Settling(database: parts.database)
            let result = try await settling.settle(inheritance.entries, of: inheritance.session)
            await parts.waker.wake(result.ready)
            announcer.announce(result.ended)
            parts.metrics.ended(result.states)
            log(.info, "outcomes of the lost session written", ["count": "\(result.settled.count)"])
        } catch {
            log(.warning, "outcomes of the lost session are given up", ["error": "\(error)"])
        }
        await close(inheritance.session)
    }

    private func close(_ session: SessionID) async {
        do {
            try await parts.database.withSession { connection in
                try SessionStatements.close(session, on: connection)
                try SupervisionStatements.forget(of: session, on: connection)
            }
            try await forgetSuperseded()
            log(.info, "session closed", ["closed": "\(session)"])
        } catch {
            log(.warning, "the session was not closed; its lease will end", ["error": "\(error)"])
        }
    }

    // MARK: Running

    /// Takes note of a claim that begins; what it returns ends the run before its time.
    func begin(_ claim: Claim) -> Interruption {
        let interruption = ledger.start(claim)
        if let task = claim.operation.tasks.first { parts.counters.executed(task, folded: claim.folded) }
        logStart(of: claim)
        parts.metrics.started(claim.operation)
        return interruption
    }

    func run(_ claim: Claim, _ handlers: [any TaskHandler], _ interruption: Interruption) async {
        await interruption.waitForPredecessor()
        let output = printing.start(claim.operation.id, delivery: claim.operation.deliveries)
        let run = OperationRun(
            claim: claim,
            handlers: handlers,
            node: settings.node,
            interruption: interruption,
            output: output
        )
        let begun = ContinuousClock.now
        let result = await run.run()
        let took = ContinuousClock.now - begun
        parts.metrics.ended(claim.operation, result.report, after: took)
        AttemptEnd(claim.operation, result.report, on: settings.node, after: took)
            .log(to: logger, ["queue_name": "\(claim.operation.queue)"])
        takeNote(of: result.report, claim.operation)
        let hasSlotsAgain = ledger.finish(
            Settling.Entry(
                id: claim.operation.id,
                delivery: claim.operation.deliveries,
                report: result.report,
                completedTasks: result.completedTasks,
                output: printing.finish(claim.operation.id)
            ),
            of: interruption
        )
        outcomes.continuation.yield()
        nudge(forSlotsAgain: hasSlotsAgain)
    }

    /// Lets the loop that claims look again after a slot has fallen free, unless it has taken all that there was and
    /// has had slots ever since: whoever rings for work rings few, and does not know which of them have none.
    func nudge(forSlotsAgain hasSlotsAgain: Bool) {
        if hasSlotsAgain || conditions.wantsSlots { parts.doorbell.nudge() }
    }

    /// Before the slot falls free, so that the next claim leaves alone what cannot be started here.
    private func takeNote(of report: AttemptReport, _ operation: Operation) {
        switch report {
        case .nodeCannot(let task, let reason): parts.readiness.failed(task, reason)
        case .succeeded, .failed, .deferred: parts.readiness.started(operation.tasks)
        case .handedBack, .reaped, .takenOver, .expired, .overran: break
        }
    }

    /// Ends what somebody has cancelled, and requeues what the database says that we run and we do not know: a claim
    /// whose COMMIT had an unknown outcome.
    func reconcile() async throws {
        let before = ledger.known
        let rows = try await interruptCancelled()
        let unknown = ledger.unknown(among: rows, readAfter: before)
        guard !unknown.isEmpty else { return }
        let result = try await Settling(database: parts.database).settle(unknown, of: session)
        announcer.announce(result.ended)
        parts.metrics.ended(result.states)
        await parts.waker.wake(result.ready)
        guard !result.settled.isEmpty else { return }
        let ids = result.settled.map(\.description).sorted().joined(separator: " ")
        log(.warning, "handed back operations that this process does not know", ["operations": "\(ids)"])
    }

    func interruptCancelled() async throws -> [SessionStatements.Executing] {
        let session = session
        let rows = try await parts.database.withSession { try SessionStatements.executing(session, on: $0) }
        endCancelled(among: rows)
        return rows
    }

    func endCancelled(among rows: [SessionStatements.Executing]) {
        for id in ledger.interruptCancelled(among: rows) {
            log(.notice, "ending an operation that was cancelled", ["operation": "\(id)"])
        }
    }

    // MARK: CoalescingCounters

    private func flushCounters() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            // Kept for the next time by `flush` itself.
            _ = try? await parts.counters.flush()
        }
    }

    func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]) {
        logger.log(level: level, message, metadata: metadata)
    }

    private func logStart(of claim: Claim) {
        let operation = claim.operation
        let wait = operation.waitSeconds() ?? 0
        log(
            .info,
            "started executing",
            [
                "operation": "\(operation.id)", "tasks": "\(operation.tasks.map(\.description).joined(separator: " "))",
                "queue_name": "\(operation.queue)", "wait_seconds": "\(wait)", "defer_count": "\(operation.deferCount)",
                "folded": "\(claim.folded.count)",
            ]
        )
    }
}
