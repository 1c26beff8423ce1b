import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// The part of the keeper that holds the lease: it renews it, and hands over when it is asked to or may not stay.
extension ElectionKeeper {
    /// The interval at which a leader that hands over checks whether another node is ready; it serves on meanwhile.
    private static let lookForSuccessor: Duration = .milliseconds(50)

    /// Renews the lease until the tenure has to end.
    ///
    /// - Returns: Whom the lease is to be left to; nil when to nobody before others.
    package func hold(_ tenure: Tenure) async -> SessionID? {
        var errors = ErrorReporter("election", logger: logger, progress: progress)
        var due = ContinuousClock.now + timing.renew
        while await rest(until: handover == nil ? due : min(due, .now + Self.lookForSuccessor)) {
            if isStopping, handover?.cause != .stopping { await begin(.stopping) }
            let askedAt = ContinuousClock.now
            if askedAt >= due {
                guard let hasRenewed = await renew(tenure, &errors, askedAt: askedAt) else { return nil }
                // After a failure there may be little time.
                due = hasRenewed ? askedAt + timing.renew : .now + timing.renew / 4
            }
            guard !tenure.isOver else { return nil }
            guard let handover else { continue }
            switch handover.step(await prospects(tenure.term, of: handover.cause), at: .now) {
            case .wait:
                guard !handover.isAnnounced else { continue }
                guard await announce(tenure) else { return nil }
            case .resign(let successor):
                logger.notice(
                    "handing over",
                    metadata: ["to": "\(successor.map { "\($0)" } ?? "whoever is first")"]
                )
                if case .requested = handover.cause {
                    election.update {
                        $0.stayAway(until: .now + timing.lease * Self.leasesToStayAway, endsWhenLed: true)
                    }
                }
                return successor
            case .stay(let refusal, let request):
                await refuse(request, because: refusal, tenure.term)
                election.update { $0.stay() }
                due = .now
            }
        }
        return nil
    }

    private var handover: Handover? { election.update { $0.handover } }

    /// - Returns: False when the task was cancelled; graceful shutdown only ends the rest.
    private func rest(until moment: ContinuousClock.Instant) async -> Bool {
        let duration = max(.zero, moment - .now)
        if Task.isShuttingDownGracefully {
            // A pause would not pause any more. Graceful shutdown is when it hands over, and it serves and renews
            // meanwhile: that ends with a successor, or by the handover's deadline, not with this sleep.
            try? await Task.sleep(for: duration)
        } else {
            _ = await pause(for: duration)
        }
        return !Task.isCancelled
    }

    /// Renews the lease, and finds out whether the node may stay, and should.
    ///
    /// - Returns: Whether it was renewed; nil when the tenure has to end.
    private func renew(
        _ tenure: Tenure,
        _ errors: inout ErrorReporter,
        askedAt: ContinuousClock.Instant
    ) async -> Bool? {
        guard case .renew(let term) = election.update({ $0.next(at: askedAt) }), !tenure.isOver else { return nil }
        do {
            let (isRenewed, list, wishes) = try await ask(term, isHandingOver: handover?.isAnnounced ?? false)
            guard isRenewed else {
                logger.error("the lease of the elected role is lost", metadata: ["term": "\(term)"])
                return nil
            }
            errors.resolved()
            let leadership = election.update { state in
                state.renewed(term: term, askedAt: askedAt, list: list)
                return state.leadership(at: .now)
            }
            guard let (_, fence) = leadership, tenure.extend(until: fence) else { return nil }
            await heed(wishes)
        } catch {
            errors.report("the elected role was not renewed: \(error)")
            return false
        }
        guard await role.extend(tenure) else {
            logger.error("giving the lease back: the role cannot be played here", metadata: ["term": "\(term)"])
            election.update { $0.stayAway(until: .now + timing.lease * Self.leasesToStayAway) }
            return nil
        }
        return true
    }

    private typealias Wishes = (isEligible: Bool, resignation: ResignationID?)

    private func ask(
        _ term: UInt64,
        isHandingOver: Bool
    ) async throws -> (isRenewed: Bool, list: WitnessList, wishes: Wishes) {
        let (lease, election, isHeard, answering) = (lease, election, role.isHeard, witnesses.answering)
        let (candidate, timing) = (election.candidate, election.timing)
        return try await database.withSession { session in
            let wishes = try HandoverStatements.wishes(of: lease, term: term, holder: candidate.node, on: session)
            let list = try Self.list(of: election, answering: answering, on: session)
            let isRenewed = try LeaseStatements.renew(
                lease,
                term: term,
                by: candidate,
                lease: timing.lease,
                isHeard: isHeard,
                isHandingOver: isHandingOver,
                list: list,
                of: election.node,
                outage: timing.outage,
                on: session
            )
            // A node that was removed and added again is another one, which has to stand for election anew.
            let isEligible = wishes.eligible.map { $0 == election.node } ?? false
            return (isRenewed, list, (isEligible, wishes.resignation))
        }
    }

    // MARK: Handing over

    private func heed(_ wishes: Wishes) async {
        if !wishes.isEligible {
            await begin(.ineligible)
        } else if let request = wishes.resignation {
            await begin(.requested(request))
        }
        switch handover?.cause {
        case .ineligible where wishes.isEligible, .requested where wishes.resignation == nil:
            logger.notice("hand-over cancelled: it is not wanted any more")
            election.update { $0.stay() }
        default: break
        }
    }

    private func begin(_ cause: Handover.Cause) async {
        let strength = await role.strength() ?? 0
        if election.update({ $0.handOver(cause, strength: strength, at: .now) }) {
            logger.notice("about to hand over", metadata: ["cause": "\(cause)", "strength": "\(strength)"])
        }
    }

    /// Tells the candidates that somebody has to be ready.
    ///
    /// By a renewal, so that what is said of a term is said by its holder.
    ///
    /// - Returns: False when the tenure has to end.
    private func announce(_ tenure: Tenure) async -> Bool {
        let askedAt = ContinuousClock.now
        election.update { $0.announce() }
        var errors = ErrorReporter("election", logger: logger)
        guard await renew(tenure, &errors, askedAt: askedAt) != nil else { return false }
        // Of whatever lane: it is the processes that are rung.
        await waker.wake([QueueName(.networkNode, .userWaiting)])
        return true
    }

    /// - Returns: Nil when it cannot be read now.
    private func prospects(_ term: UInt64, of cause: Handover.Cause) async -> Handover.Prospects? {
        let (lease, node, duration) = (lease, candidate.node, readiness)
        let request: ResignationID? = if case .requested(let id) = cause { id } else { nil }
        return try? await database.withSession { session in
            try HandoverStatements.prospects(
                of: lease,
                term: term,
                besides: node,
                goodFor: duration,
                request: request,
                on: session
            )
        }
    }

    private func refuse(_ request: ResignationID, because refusal: Handover.Refusal, _ term: UInt64) async {
        logger.notice("staying elected", metadata: ["because": "\(refusal.rawValue)"])
        let change = LeaseChange(lease, term, candidate, election.node)
        do {
            try await database.withSession { try change.refuse(request, because: refusal, on: $0) }
        } catch {
            // The request stands, and is looked at again at the next renewal.
            logger.warning("the requester of a resignation was not answered", metadata: ["error": "\(error)"])
        }
    }
}
