import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Finds workers that died and gives their operations back, and ends what waits past its deadline.
///
/// Every daemon runs one; they do not elect a chief, because each pass locks what it returns and skips what another one
/// has locked.
package actor Reaper {
    /// Operations returned by one transaction, and by one pass: the rest follows in the next.
    package static let batch = 100

    private let database: Database
    private let waker: any Waker
    private let metrics: WorkMetrics
    private let logger: Logger
    private var watch = ReaperWatch()
    private var turns = ClusterLook(phase: .random(in: 0..<1))
    /// Of orphans and of what is overdue: rows that enqueuers hold one after the other would be skipped for ever.
    private var skippedRows: [Subject: SkippedRows] = [:]
    private var passes = 0
    private var lastAskedAt: ContinuousClock.Instant?

    package init(database: Database, waker: any Waker, metrics: WorkMetrics = WorkMetrics(), logger: Logger) {
        self.database = database
        self.waker = waker
        self.metrics = metrics
        self.logger = logger
    }

    /// One look at the sessions that follow a position in the ring, and at all operations that no living one runs.
    ///
    /// - Returns: How many operations were taken from dead workers.
    /// - Throws: `DatabaseError`; a pass that failed is made up for by the next.
    @discardableResult
    package func pass(from position: SessionID = .random()) async throws -> Int {
        var sighted = try await readRing(from: position)
        var cluster = SessionSnapshot.ClusterPart()
        (cluster.hasOrphans, cluster.hasOverdue, cluster.hasAhead) = (true, true, true)
        sighted.surroundings.cluster = cluster
        return try await act(on: sighted)
    }

    /// Looks at the sessions that follow a position in the ring, at more of them as long as none of these moves.
    package func watch(from position: SessionID) async throws {
        repeat { try await act(on: try await readRing(from: position)) } while watch.readsOn
    }

    private func readRing(from position: SessionID) async throws -> Sighted {
        let (reading, asked) = (watch.reading, ContinuousClock.now)
        var seen = SessionSnapshot()
        seen.ring = try await database.withRepeatableSession {
            try SessionStatements.ring(after: position, reading, on: $0)
        }
        return Sighted(seen, askedAt: asked, answeredAt: .now)
    }

    /// Returns the parts of a snapshot that a session reads now, so many renewal intervals after its last one.
    package func nextScope(for session: SessionID, after intervals: Int) -> SessionSnapshotStatements.Scope {
        watch.adapt(to: session)
        let isTurn = turns.takesTurn(ofPart: watch.part(of: session), after: intervals)
        return .init(ring: watch.reading, isOfCluster: isTurn)
    }

    /// A snapshot of the cluster, with the moments at which it was asked for and answered.
    struct Sighted: Sendable {
        fileprivate(set) var surroundings: SessionSnapshot
        let askedAt: ContinuousClock.Instant
        let answeredAt: ContinuousClock.Instant

        init(_ surroundings: SessionSnapshot, askedAt: ContinuousClock.Instant, answeredAt: ContinuousClock.Instant) {
            self.surroundings = surroundings
            self.askedAt = askedAt
            self.answeredAt = answeredAt
        }
    }

    /// Marks dead who has been silent for too long, and gives back or ends what the look says there is.
    ///
    /// A look older than the last one is ignored: it would make a dead session look alive again.
    @discardableResult
    func act(on sighted: Sighted) async throws -> Int {
        if let lastAskedAt, sighted.askedAt < lastAskedAt { return 0 }
        lastAskedAt = sighted.askedAt
        let seen = sighted.surroundings
        let dead = Set(watch.observe(seen.ring, askedAt: sighted.askedAt, answeredAt: sighted.answeredAt))
        for sighting in seen.ring.sightings where dead.contains(sighting.session) {
            let marked = try await database.withSession { session in
                let marked = try SessionStatements.markDead(sighting.session, renewals: sighting.renewals, on: session)
                if marked { try SupervisionStatements.forget(of: sighting.session, on: session) }
                return marked
            }
            if marked {
                logger.warning("a session has died", metadata: ["session": "\(sighting.session)"])
            }
        }
        let cluster = seen.cluster ?? SessionSnapshot.ClusterPart()
        let returned = cluster.hasOrphans || !dead.isEmpty ? try await returnOrphans() : 0
        if cluster.hasOverdue { try await endOverdue() }
        if cluster.hasAhead { try await pullBackAhead() }
        if seen.cluster != nil { try await sweep() }
        return returned
    }

    /// Forgets what has outlived its use and finds what was left behind, at every hundredth look for what concerns the
    /// cluster.
    private func sweep() async throws {
        defer { passes += 1 }
        guard passes % 100 == 0 else { return }
        _ = try await database.withSession { try SessionStatements.forgetDead(on: $0) }
        _ = try await database.withSession { try WaiterStatements.sweep(on: $0) }
        let noted = try await database.withSession { try CascadeStatements.noteForgotten(on: $0) }
        if noted > 0 {
            logger.error(
                "dependents were left behind by operations that have ended; they are gone on with",
                metadata: ["operations": "\(noted)"]
            )
        }
        for held in try await database.withSession({ try TargetStatements.forgotten(on: $0) }) {
            try await database.withSession { try TargetStatements.free(held, on: $0) }
            logger.error(
                "an exclusive target was held by an operation that does not run; it is free now",
                metadata: ["target": "\(held.key)", "operation": "\(held.operation)"]
            )
        }
        try await database.withSession { session in
            for ended in try SupervisionStatements.endedSessions(on: session) {
                try SupervisionStatements.forget(of: ended, on: session)
            }
        }
    }

    /// The moment at which the first of the sessions will have been silent for its whole lease, if it is not heard of
    /// before.
    package var nextDeath: ContinuousClock.Instant? { watch.nextDeath }

    /// A Boolean value that indicates whether a session that has nothing to do may look more rarely.
    package var allowsRest: Bool { watch.allowsRest }

    /// A Boolean value that indicates whether more of the ring is to be read at once.
    package var readsOn: Bool { watch.readsOn }

    // MARK: Ends and returns

    /// The kinds of operations that are treated, with the log message for one that cannot be.
    private enum Subject: String {
        case orphan = "an operation of a dead worker cannot be returned"
        case overdue = "an overdue operation cannot be ended"
        case ahead = "an operation whose wait lies in the future cannot be pulled back"

        /// A Boolean value that indicates whether rows that others hold are waited for at once, and not only after a
        /// second: a clock is rarely set back, and what waits for it has waited already.
        var isPressing: Bool { self == .ahead }
    }

    /// Ends operations that could not be started in time, with what depends on them.
    private func endOverdue() async throws {
        let overdue = try await database.withSession { try CancelStatements.overdue(limit: Self.batch, on: $0) }
        let count = try await treat(overdue, .overdue) {
            ids,
            held,
            transaction in
            let outcome = OperationOutcome.pastDeadline("it was not started before its deadline")
            var locked = try CancelStatements.lockOverdue(ids, ifHeld: held, in: transaction)
            locked = try Ending.affordable(locked, in: transaction)
            return (locked, try Ending.endWaiting(locked.map { ($0, outcome) }, in: transaction))
        }
        if count > 0 { logger.notice("operations ended at their deadline", metadata: ["ended": "\(count)"]) }
    }

    /// Operations pulled back by one pass.
    ///
    /// An hour's backlog all lies ahead when the clock has been set back by an hour; a worker passes every two seconds.
    private static let pulledBackAtOnce = 1000

    /// Lets operations wait no longer than they were to, after the clock was set back.
    private func pullBackAhead() async throws {
        let ahead = try await database.withSession {
            try ClockStatements.ahead(limit: Self.pulledBackAtOnce, on: $0)
        }
        let count = try await treat(ahead, .ahead) {
            ids,
            held,
            transaction in
            let locked = try ClockStatements.lockAhead(ids, ifHeld: held, in: transaction)
            try ClockStatements.pullBack(locked, in: transaction)
            return (locked, Ending.Effects(ready: try EndingStatements.readyQueues(of: locked, in: transaction)))
        }
        guard count > 0 else { return }
        logger.warning("the database's clock was set back: waits pulled back", metadata: ["count": "\(count)"])
    }

    private func returnOrphans() async throws -> Int {
        let orphans = try await database.withSession { try SessionStatements.orphans(limit: Self.batch, on: $0) }
        let random = Double.random(in: 0...1)
        let count = try await treat(orphans, .orphan) {
            ids,
            held,
            transaction in
            let locked = try SessionStatements.lockOrphans(ids, ifHeld: held, in: transaction)
            let entries = locked.map { Settling.Entry(id: $0.0, delivery: $0.1, report: .reaped) }
            return (locked.map(\.0), try Settling.apply(entries, random: random, in: transaction))
        }
        if count > 0 { logger.warning("operations of dead workers were returned", metadata: ["count": "\(count)"]) }
        return count
    }

    /// Locks those of some operations that still are what they were seen to be, and ends, returns or mends them.
    private typealias Treatment =
        @Sendable ([OperationID], RowLock, borrowing Transaction) throws -> (
            locked: [OperationID], effects: Ending.Effects
        )

    /// Treats operations: together those that nobody holds, then one by one those that were held at every pass for a
    /// second, or that are pressing.
    ///
    /// - Returns: How many were treated.
    private func treat(_ ids: [OperationID], _ subject: Subject, _ treatment: Treatment) async throws -> Int {
        let now = SuspendingClock.now
        var judge = skippedRows[subject] ?? SkippedRows()
        judge.forget(allBut: ids)
        let overdue = ids.filter { judge.isOver(for: $0, at: now) }
        let others = ids.filter { !judge.isOver(for: $0, at: now) }
        var treated = try await treat(others, ifHeld: .skip, subject, treatment)
        let held = overdue + (subject.isPressing ? others.filter { !treated.contains($0) } : [])
        for id in held where SuspendingClock.now - now < Self.mostWaiting {
            do {
                treated.formUnion(
                    try await treat([id], ifHeld: .wait(judge.wait(for: id, at: now)), subject, treatment)
                )
            } catch is RowLock.StillHeld {
                continue
            }
        }
        judge.wrote(ids, skipped: Set(ids).subtracting(treated), at: now)
        skippedRows[subject] = judge
        return treated.count
    }

    /// The time for which a pass goes on waiting for rows that others hold: for one at least, and a death is noticed in
    /// time all the same.
    private static let mostWaiting: Duration = .seconds(1)

    /// Treats operations in one transaction; halves on an error, so that one at fault holds up no other.
    private func treat(
        _ ids: [OperationID],
        ifHeld held: RowLock,
        _ subject: Subject,
        _ treatment: Treatment
    ) async throws -> Set<OperationID> {
        guard !ids.isEmpty else { return [] }
        do {
            let (locked, effects) = try await database.withTransaction { transaction in
                try held.locking { try treatment(ids, held, transaction) }
            }
            for attempt in effects.lost { attempt.log(to: logger) }
            metrics.ended(effects.states)
            await waker.wake(effects.ready)
            await waker.wakeWaiters(of: effects.ended)
            return Set(locked)
        } catch let error as DatabaseError where error.isFaultOfTheValues {
            guard ids.count > 1 else {
                logger.error("\(subject.rawValue)", metadata: ["operation": "\(ids[0])", "error": "\(error)"])
                return []
            }
            let half = ids.count / 2
            let first = try await treat(Array(ids.prefix(half)), ifHeld: held, subject, treatment)
            return first.union(try await treat(Array(ids.dropFirst(half)), ifHeld: held, subject, treatment))
        }
    }
}
