/// A round of questions by which a leader whose renewals fail asks its witnesses not to take the lease.
package struct WitnessRound: Sendable, Hashable {
    /// Random, so that an answer to another round counts for none.
    package let nonce: UInt64
    package let term: UInt64
    package let beganAt: ContinuousClock.Instant
    /// The end of the tenure, whoever confirms it, unless the lease is renewed meanwhile.
    package let bound: ContinuousClock.Instant
    /// All who have to confirm.
    package let asked: Set<NodeID>
}

/// The part of an election that goes on without the database.
///
/// The protocol, and the model by which it was checked, are in docs/decisions/database-outage.md and docs/models; each
/// condition here is one of the model's guards.
extension ElectionState {
    // MARK: The leader

    /// Returns the list to send with the renewal that is due, nil nodes being no list; it counts from now on, whether
    /// or not it arrives.
    package mutating func list(_ nodes: Set<NodeID>?) -> WitnessList {
        guard case .leader(var leading) = role else { return .none }
        defer { role = .leader(leading) }
        return leading.lists.send(nodes)
    }

    /// The nodes that would have to confirm now; nil while nobody can, and where it does not lead.
    package var witnesses: Set<NodeID>? {
        guard case .leader(let leading) = role else { return nil }
        return leading.lists.all
    }

    /// Returns whether the renewals fail and the witnesses can extend the tenure instead.
    package func needsConfirmation(at now: ContinuousClock.Instant) -> Bool {
        guard timing.outage > .zero, case .leader(let leading) = role, now < leading.fence else { return false }
        let silence = now - leading.renewedAt
        return silence >= timing.standstill && silence < timing.bound && leading.lists.all != nil
    }

    /// Begins a round when one is needed.
    package func round(nonce: UInt64, at now: ContinuousClock.Instant) -> WitnessRound? {
        guard case .leader(let leading) = role, needsConfirmation(at: now), let asked = leading.lists.all else {
            return nil
        }
        return WitnessRound(
            nonce: nonce,
            term: leading.term,
            beganAt: now,
            bound: leading.renewedAt + timing.bound,
            asked: asked
        )
    }

    /// The end of the time in which a round is worth an answer; the next one promises more then.
    package func end(of round: WitnessRound) -> ContinuousClock.Instant { round.beganAt + timing.fence / 2 }

    /// Extends the tenure once all have confirmed a round: as by a renewal that was sent when the round began, but not
    /// beyond the bound, and not when it is over.
    ///
    /// - Returns: Whether all have confirmed, in time.
    package mutating func confirmed(
        _ round: WitnessRound,
        by nodes: Set<NodeID>,
        at now: ContinuousClock.Instant
    ) -> Bool {
        guard case .leader(var leading) = role, leading.term == round.term, now < leading.fence,
            round.asked.isSubset(of: nodes)
        else { return false }
        let end = min(round.beganAt + timing.fence, leading.renewedAt + timing.bound)
        leading.fence = max(leading.fence, end)
        role = .leader(leading)
        return true
    }

    // MARK: The witness

    /// Confirms the holder of the lease: this candidate waits for a whole lease from now on.
    ///
    /// - Parameters:
    ///   - holder: the session that asks.
    ///   - now: the time.
    /// - Returns: False when it leads itself, has seen another holder, or sees that the database is there and the lease
    ///   stands still nevertheless: then the holder alone has lost it, and is to be followed.
    package mutating func confirm(_ holder: SessionID, at now: ContinuousClock.Instant) -> Bool {
        guard case .follower(let seen?, let since) = role, seen.holder == holder else { return false }
        if let standstill, standstill.until - standstill.since >= timing.standstill { return false }
        role = .follower(seen: seen, since: max(since, now))
        return true
    }
}
