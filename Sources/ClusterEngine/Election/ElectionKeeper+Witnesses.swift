import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The part of the keeper that keeps a tenure while the database is away: the witnesses confirm it instead.
extension ElectionKeeper {
    /// The interval at which it is seen whether somebody has confirmed; answers come ten times a second.
    private static let lookForConfirmations: Duration = .milliseconds(25)

    /// Decides which nodes are the witnesses from the next renewal on.
    ///
    /// - Returns: The list to send with it.
    static func list(
        of election: ElectionRecord,
        answering: Set<NodeID>,
        on session: borrowing Session
    ) throws -> WitnessList {
        guard election.timing.outage > .zero, let node = election.node else { return election.update { $0.list(nil) } }
        let candidates = try LeaseStatements.candidates(limit: ProbePeer.mostNetworkNodes + 1, on: session)
        return election.update { $0.list(candidates.witnesses(besides: node, answering: answering)) }
    }

    /// Asks the witnesses whenever the renewals fail, until the tenure is over; apart from the renewals, because one of
    /// those may hang for longer than a fence.
    func askWitnesses(_ tenure: Tenure) async {
        guard timing.outage > .zero else { return }
        var (isAsking, isEnding) = (false, false)
        while !tenure.isOver {
            let round = election.update { $0.round(nonce: .random(in: .min ... .max), at: .now) }
            if (round != nil) != isAsking {
                isAsking.toggle()
                isEnding = false
                if let round {
                    logger.warning(
                        "lease not renewed; asking the witnesses",
                        metadata: ["term": "\(tenure.term)", "witnesses": "\(round.asked.count)"]
                    )
                } else {
                    logger.notice("no more questions to the witnesses", metadata: ["term": "\(tenure.term)"])
                }
            }
            if let round, !isEnding, round.beganAt + timing.fence > round.bound {
                isEnding = true
                logger.warning(
                    "outage time is nearly over; the tenure ends unless the lease is renewed",
                    metadata: ["term": "\(tenure.term)", "left": "\(round.bound - round.beganAt)"]
                )
            }
            if let round, await isConfirmed(round), !(await extend(tenure)) { return }
            let rest = round.map { max(.zero, $0.beganAt + timing.renew / 2 - .now) } ?? timing.renew / 8
            // The pace of the rounds: the next one begins half a renewal after this one. Nobody tells that a renewal
            // is late, so a first round is looked for eight times in a renewal.
            guard (try? await Task.sleep(for: rest)) != nil else { return }
        }
    }

    /// Asks until all have confirmed, or until a new round promises more; what is lost on the way is asked again.
    private func isConfirmed(_ round: WitnessRound) async -> Bool {
        let end = election.update { $0.end(of: round) }
        var (due, confirmed) = (round.beganAt, Set<NodeID>())
        while case let now = ContinuousClock.now, now < end, election.update({ $0.needsConfirmation(at: now) }) {
            confirmed = witnesses.confirmations(of: round.nonce)
            if election.update({ $0.confirmed(round, by: confirmed, at: now) }) {
                election.note(true)
                return true
            }
            if now >= due {
                witnesses.ask(round.asked.subtracting(confirmed), holder: candidate.id, nonce: round.nonce)
                due = now + timing.renew / 2
            }
            // Answers are taken from the socket by the prober, which tells nobody.
            guard (try? await Task.sleep(for: Self.lookForConfirmations)) != nil else { return false }
        }
        let isRenewed = election.update { state in
            state.leadership(at: .now) != nil && !state.needsConfirmation(at: .now)
        }
        // Beyond the bound nobody's word would help.
        guard !isRenewed, .now < round.bound else { return false }
        election.note(false)
        let missing = round.asked.subtracting(confirmed).map(\.description).sorted().joined(separator: " ")
        logger.warning(
            "lease not confirmed by all witnesses",
            metadata: ["term": "\(round.term)", "missing": "\(missing)"]
        )
        return false
    }

    /// Passes on that the tenure goes on.
    ///
    /// - Returns: False when it is over.
    private func extend(_ tenure: Tenure) async -> Bool {
        guard let (_, fence) = election.update({ $0.leadership(at: .now) }), tenure.extend(until: fence) else {
            return false
        }
        // A role that cannot be played is given back once there is a database again.
        _ = await role.extend(tenure)
        return true
    }
}
