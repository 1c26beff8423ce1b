import ClusterOpsTestKit

@testable import ClusterModel
@testable import ClusterStore

/// Candidates around a lease row, one of them doing one thing at each step; the row has no clock.
struct ElectionSimulation {
    private struct Candidate {
        let id: SessionID
        var state: ElectionState
        /// Stopped until then: it takes no step, and does not act either.
        var stoppedUntil: ContinuousClock.Instant
    }

    private struct Row {
        var holder: SessionID?
        var term: UInt64 = 0
        var renewals: UInt64 = 0
        var handingOver: UInt64?
        var successor: SessionID?
        var resignedAt: ContinuousClock.Instant?
    }

    private let timing: ElectionState.Timing
    private var random: SeededGenerator
    private var candidates: [Candidate]
    private var now = ContinuousClock.now
    private var row = Row()
    /// The terms for whose end candidates have said that they are ready; it does not expire, as the worst case.
    private var ready: [SessionID: UInt64] = [:]
    private(set) var steps = 0
    private(set) var changesOfHolder = 0
    private(set) var resignations = 0
    /// How often a lease that was left to somebody went to another one within the start that he has.
    private(set) var snatched = 0

    init(timing: ElectionState.Timing, candidates count: Int, seed: UInt64) {
        self.timing = timing
        random = SeededGenerator(seed: seed)
        let start = now
        candidates = (0..<count).map { _ in
            let id = SessionID.new()
            return Candidate(id: id, state: ElectionState(timing, me: id, now: start), stoppedUntil: start)
        }
    }

    /// The terms under which somebody would act now.
    ///
    /// One that is stopped does not act; the gate is what makes that true.
    var acting: [UInt64] {
        candidates.filter { $0.stoppedUntil <= now }.compactMap { $0.state.leadership(at: now)?.term }
    }

    mutating func step() {
        steps += 1
        now += .milliseconds(Int.random(in: 1...400, using: &random))
        let index = Int.random(in: 0..<candidates.count, using: &random)
        guard candidates[index].stoppedUntil <= now else { return }
        if Int.random(in: 0..<40, using: &random) == 0 {
            candidates[index].stoppedUntil = now + .milliseconds(Int.random(in: 100...9000, using: &random))
            return
        }
        if candidates[index].state.leadership(at: now) != nil, handOver(index) { return }
        let askedAt = now
        let action = candidates[index].state.next(at: now)
        now += .milliseconds(Int.random(in: 0...300, using: &random))
        perform(action, by: index, askedAt: askedAt, answered: Int.random(in: 0..<6, using: &random) > 0)
    }

    /// What a leader does about handing over.
    ///
    /// - Returns: Whether it has resigned.
    private mutating func handOver(_ index: Int) -> Bool {
        let id = candidates[index].id
        if Int.random(in: 0..<20, using: &random) == 0 {
            let causes: [Handover.Cause] = [.stopping, .ineligible, .requested(.new())]
            let cause = causes[Int.random(in: 0..<causes.count, using: &random)]
            _ = candidates[index].state.handOver(cause, strength: 1, at: now)
        }
        guard let handover = candidates[index].state.handover else { return false }
        let others = ready.filter { $0.key != id && $0.value == row.term }.keys.sorted()
        let prospects = Handover.Prospects(
            ready: others.map { Handover.Candidate(id: $0, strength: Int.random(in: 0...2, using: &random)) },
            someoneStands: Int.random(in: 0..<10, using: &random) > 0
        )
        let hasAnswer = Int.random(in: 0..<6, using: &random) > 0
        switch handover.step(hasAnswer ? prospects : nil, at: now) {
        case .wait: candidates[index].state.announce()
        case .stay: candidates[index].state.stay()
        case .resign(let successor):
            // It falls silent, and what is on its way to the database arrives later, or never.
            let term = candidates[index].state.lost(at: now)
            candidates[index].state.stayAway(until: now + timing.lease * 4, endsWhenLed: true)
            now += .milliseconds(Int.random(in: 0...300, using: &random))
            if row.term == term, row.holder == id, hasAnswer {
                row.holder = nil
                row.successor = successor
                row.handingOver = nil
                row.resignedAt = now
                row.renewals += 1
                resignations += 1
            }
            return true
        }
        return false
    }

    /// What the database does, whether or not its answer arrives.
    private mutating func perform(
        _ action: ElectionState.Action,
        by index: Int,
        askedAt: ContinuousClock.Instant,
        answered: Bool
    ) {
        let id = candidates[index].id
        switch action {
        case .stepDown: break
        case .look:
            let sighting = ElectionState.Sighting(
                holder: row.holder,
                term: row.term,
                renewals: row.renewals,
                lease: timing.lease,
                isHandingOver: row.handingOver == row.term,
                successor: row.successor
            )
            guard answered else { return }
            candidates[index].state.saw(sighting, answeredAt: now)
            if let term = candidates[index].state.awaitedTerm(at: now), Bool.random(using: &random) {
                ready[id] = term
            }
        case .acquire(let seen):
            guard row.term == seen.term, row.renewals == seen.renewals else {
                if answered { candidates[index].state.wasBeaten(at: now) }
                return
            }
            if let successor = row.successor, successor != id, let resignedAt = row.resignedAt,
                now - resignedAt < timing.headStart
            {
                snatched += 1
            }
            row = Row(holder: id, term: row.term + 1, renewals: row.renewals + 1)
            changesOfHolder += 1
            if answered {
                candidates[index].state.acquired(term: row.term, askedAt: askedAt)
            } else {
                candidates[index].state.wasBeaten(at: now)
            }
        case .renew(let term):
            if row.term == term, row.holder == id {
                row.renewals += 1
                row.handingOver = candidates[index].state.handover?.isAnnounced == true ? term : nil
                if answered { candidates[index].state.renewed(term: term, askedAt: askedAt) }
            } else if answered {
                _ = candidates[index].state.lost(at: now)
            }
        }
    }
}
