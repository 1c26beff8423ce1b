import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// Stands for election with what this node is, keeps the lease while it holds it, and gives it back at graceful
/// shutdown.
///
/// ``ElectionState`` decides; this asks the database and the witnesses, and passes on. Renewals go on whatever the role
/// does, and the role ends at the fence whatever the database does: tasks that wait for each other in nothing.
package struct ElectionKeeper: Service {
    package let lease: String
    package let election: ElectionRecord
    package let witnesses: any WitnessChannel
    package let database: Database
    private let shared: Database
    private let standing: @Sendable () -> NodeStanding?
    package let role: any ElectedRole
    private let doorbell: Doorbell
    package let waker: any Waker
    package let logger: Logger
    /// Told of each look at the lease, and of each renewal.
    package let progress: Progress

    /// The time, in leases, for which a node that could not play the role, or was asked to resign, leaves it to others.
    static let leasesToStayAway = 4
    /// The time after which a node that may not be elected asks again: a change of its roles is no hurry.
    private static let restWithoutRole: Duration = .seconds(5)
    /// The same where the looks of its session say that it may not: nothing is asked then.
    private static let restWhileRuledOut: Duration = .seconds(1)
    /// After an error: an answer may be far, and the next try should not be.
    private static let restAfterError: Duration = .milliseconds(250)
    /// Looks at the lease are at least that far apart, however often it rings.
    private static let shortestRest: Duration = .milliseconds(50)
    /// The same while a leader hands over, for some seconds: as long as nobody looks, nobody is heard.
    private static let shortestRestInHandover: Duration = .milliseconds(5)
    /// The time, in renewals' intervals, for which a candidate's report of being ready holds; it is repeated after one.
    private static let renewalsReady = 3

    package var timing: ElectionState.Timing { election.timing }
    package var candidate: LeaseCandidate { election.candidate }

    /// The time for which a candidate's report of being ready holds.
    package var readiness: Duration { timing.renew * Self.renewalsReady }

    /// Creates a keeper; nothing happens before `run()`.
    ///
    /// - Parameters:
    ///   - lease: The name of the lease.
    ///   - election: The state of the election, of a node that stands for it; while it does not have the network role
    ///     it only waits.
    ///   - witnesses: The way to the other candidates without the database.
    ///   - database: A pool of its own, so that no other work can stand before a renewal.
    ///   - shared: The pool over which a node asks whether it may be elected, as long as it may not; nil for
    ///     `database`. Most nodes of a large cluster never may, and keep no connection for it.
    ///   - standing: The node as its session has last seen it. As long as that says that it may not be elected, nothing
    ///     is asked; that it may is only the reason to ask.
    ///   - role: What is done by who is elected.
    ///   - doorbell: Rung when the lease may have been given back; the keeper's alone.
    ///   - waker: Rings the others when it gives the lease back.
    ///   - logger: Told of every change.
    ///   - progress: Told of each look at the lease, and of each renewal.
    package init(
        lease: String = ElectedLease.networkNode,
        election: ElectionRecord,
        witnesses: any WitnessChannel = NoWitnesses(),
        database: Database,
        shared: Database? = nil,
        standing: @escaping @Sendable () -> NodeStanding? = { nil },
        role: any ElectedRole,
        doorbell: Doorbell = Doorbell(),
        waker: any Waker = NoWaker(),
        logger: Logger,
        progress: Progress = Progress()
    ) {
        self.lease = lease
        self.election = election
        self.witnesses = witnesses
        self.database = database
        self.shared = shared ?? database
        self.standing = standing
        self.role = role
        self.doorbell = doorbell
        self.waker = waker
        self.logger = logger
        self.progress = progress
    }

    /// Stands for election, serves when elected, and stands again, until graceful shutdown.
    package func run() async throws {
        // Until the lease was seen.
        var isEligible = false
        while !isStopping {
            guard let tenure = await stand(&isEligible) else { break }
            logger.notice("elected", metadata: ["term": "\(tenure.term)"])
            await keep(tenure)
            logger.notice("not elected any more", metadata: ["term": "\(tenure.term)"])
        }
    }

    package var isStopping: Bool { Task.isShuttingDownGracefully || Task.isCancelled }

    // MARK: Standing

    /// Watches the lease until it could be taken, and makes the role ready when that may be soon.
    ///
    /// - Parameter isEligible: Whether the node may be elected, as it was seen last.
    /// - Returns: Nil at graceful shutdown.
    private func stand(_ isEligible: inout Bool) async -> Tenure? {
        var errors = ErrorReporter("election", logger: logger, progress: progress)
        var isPrepared = false
        var said = Said()
        while !isStopping {
            var rest = Duration.zero
            do {
                let elected = try await look(&isEligible)
                if elected == nil { try await sayReady(&said) }
                errors.resolved()
                if let elected { return elected }
                rest = election.update { $0.pause(at: .now) }
            } catch {
                election.update { $0.couldNotLook() }
                errors.report("the lease cannot be read: \(error)")
                rest = Self.restAfterError
            }
            if election.update({ $0.shouldBeReady(isPrepared, at: .now) }) != isPrepared {
                isPrepared.toggle()
                logger.notice(
                    isPrepared ? "making ready to take over" : "the elected node stays, or another one follows"
                )
                role.shouldBeReady(isPrepared)
            }
            let isHandedOver = election.update { $0.awaitedTerm(at: .now) } != nil
            await self.rest(upTo: rest, atLeast: isHandedOver ? Self.shortestRestInHandover : Self.shortestRest)
        }
        if said.term != nil { await unsayReady() }
        return nil
    }

    /// Waits for the next look; a ring may mean that the lease was given back.
    private func rest(upTo duration: Duration, atLeast shortest: Duration) async {
        guard duration > shortest else { return }
        // Rings come for other reasons too, and as often as anybody likes.
        guard await pause(for: shortest) == .elapsed else { return }
        _ = await doorbell.wait(upTo: duration - shortest)
    }

    // MARK: Being ready

    /// The report of being ready that was sent last.
    private struct Said {
        var term: UInt64?
        var strength = 0
        var at = ContinuousClock.now
    }

    /// Tells a leader that hands over that this candidate could take over at once; again before that has expired.
    private func sayReady(_ said: inout Said) async throws {
        guard let term = election.update({ $0.awaitedTerm(at: .now) }), let strength = await role.strength() else {
            return
        }
        let now = ContinuousClock.now
        let isSaid = said.term == term && said.strength == strength && now - said.at < timing.renew
        guard !isSaid else { return }
        let (lease, candidate, duration) = (lease, candidate, readiness)
        try await database.withSession { session in
            try HandoverStatements.sayReady(
                candidate,
                for: lease,
                after: term,
                strength: strength,
                goodFor: duration,
                on: session
            )
        }
        if said.term != term {
            logger.notice("ready to take over", metadata: ["term": "\(term)", "strength": "\(strength)"])
        }
        said = Said(term: term, strength: strength, at: now)
    }

    private func unsayReady() async {
        let (lease, candidate) = (lease, candidate)
        // It expires anyhow.
        try? await database.withSession { try HandoverStatements.unsayReady(candidate, for: lease, on: $0) }
    }

    /// Asks the one question that is due.
    ///
    /// - Parameter isEligible: Whether the node may be elected, as it was seen last.
    /// - Returns: The tenure that was won.
    /// - Throws: `DatabaseError`; nothing was seen then.
    private func look(_ isEligible: inout Bool) async throws -> Tenure? {
        let askedAt = ContinuousClock.now
        guard case .acquire(let seen) = election.update({ $0.next(at: askedAt) }) else {
            let isRuledOut = !isEligible && standing()?.mayBeElected == false
            let sighting = isRuledOut ? nil : try await sighting(over: isEligible ? database : shared)
            isEligible = sighting != nil
            let isOlder = election.update { state in
                if let sighting { return state.saw(sighting, answeredAt: .now) }
                state.stayAway(until: .now + (isRuledOut ? Self.restWhileRuledOut : Self.restWithoutRole))
                return false
            }
            if isOlder, let sighting {
                logger.warning(
                    "lease is older than it was; the database has lost commits",
                    metadata: ["term": "\(sighting.term)"]
                )
            }
            return nil
        }
        let (lease, candidate, node, duration) = (lease, candidate, election.node, timing.lease)
        // An error says nothing: what was seen stays seen, and its counters make a second try safe.
        let won = try await database.withSession { session in
            // Never as the node that was removed, when another one has its name now.
            guard let node, try LeaseStatements.eligible(candidate.node, on: session) == node else { return false }
            return try LeaseChange(lease, seen.term, candidate, node).acquire(after: seen, for: duration, on: session)
        }
        let leadership = election.update { state in
            if won {
                state.acquired(term: seen.term + 1, askedAt: askedAt)
            } else {
                state.wasBeaten(at: askedAt)
            }
            return state.leadership(at: .now)
        }
        guard let (term, fence) = leadership else { return nil }
        return Tenure(
            lease: lease,
            term: term,
            holder: candidate.id,
            until: fence,
            followsHandover: seen.holder == nil
        )
    }

    /// The lease, if this node may have it.
    private func sighting(over database: Database) async throws -> ElectionState.Sighting? {
        let (lease, election, witnesses, logger) = (lease, election, witnesses, logger)
        return try await database.withSession { session in
            guard let id = try LeaseStatements.eligible(election.candidate.node, on: session) else { return nil }
            if election.identify(id) {
                logger.notice("node was removed and added again; standing anew", metadata: ["node": "\(id)"])
            }
            // Who cannot be asked has confirmed nothing, whatever the list says: such as a machine that was replaced.
            let node = witnesses.canBeAsked(as: id) ? id : nil
            if let sighting = try LeaseStatements.sighting(lease, as: node, on: session) { return sighting }
            try LeaseStatements.create(lease, on: session)
            return try LeaseStatements.sighting(lease, as: node, on: session)
        }
    }

    // MARK: Keeping

    /// Renews the lease until it is lost or given back; when it returns, nothing acts under it.
    private func keep(_ tenure: Tenure) async {
        try? await withThrowingDiscardingTaskGroup { group in
            group.addTask { await role.serve(tenure) }
            group.addTask {
                await tenure.over()
                await role.retire(tenure)
                // Cancels what still serves, also while the renewal waits for a database that hangs.
                throw TenureOver(term: tenure.term)
            }
            group.addTask { await askWitnesses(tenure) }
            _ = await role.extend(tenure)
            let successor = await hold(tenure)
            // A lease that was lost by time is left to end: what still dies may need the rest of it.
            if await fallSilent(tenure) { await resign(tenure.term, to: successor) }
        }
        _ = election.update { $0.lost(at: .now) }
    }

    /// - Returns: Whether nobody can hear this node in the role any more, so that another one may begin.
    private func fallSilent(_ tenure: Tenure) async -> Bool {
        guard !tenure.isOver else { return false }
        // First: what is on its way to speak finds nothing to speak under.
        tenure.finish()
        do {
            try await role.fallSilent(tenure)
            return true
        } catch {
            logger.error("the role was not silenced, so the lease is left to end", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func resign(_ term: UInt64, to successor: SessionID?) async {
        let change = LeaseChange(lease, term, candidate, election.node)
        let cause = election.update { $0.handover?.cause }
        do {
            try await database.withSession { try change.resign(to: successor, because: cause, on: $0) }
            // Of whatever lane: it is the processes that are rung.
            await waker.wake([QueueName(.networkNode, .userWaiting)])
        } catch {
            logger.warning("the lease was not given back; it will end", metadata: ["error": "\(error)"])
        }
    }
}
