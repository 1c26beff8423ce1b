import ClusterOpsTestKit

@testable import ClusterModel
@testable import ClusterStore

/// Candidates around a lease row, one of them doing one thing at each step; the row has no clock.
///
/// With an outage time the database is away now and then, for all or for one, and leaders ask witnesses.
struct ElectionSimulation {
    private struct Candidate {
        var id: SessionID
        let node = NodeID.new()
        var state: ElectionState
        /// Stopped until then: it takes no step, and does not act either.
        var stoppedUntil: ContinuousClock.Instant
        /// Without the database until then.
        var cutOffUntil: ContinuousClock.Instant
        var round: WitnessRound?
        var confirmed: Set<NodeID> = []
    }

    /// A renewal that nobody waits for any more, and that is executed when it arrives.
    private struct LateRenewal {
        let id: SessionID
        let term: UInt64
        let list: WitnessList
        let leader: NodeID
        let arrivesAt: ContinuousClock.Instant
    }

    private struct Row {
        var holder: SessionID?
        var term: UInt64 = 0
        var renewals: UInt64 = 0
        var handingOver: UInt64?
        var successor: SessionID?
        var resignedAt: ContinuousClock.Instant?
        var list = WitnessList.none
        var leader: NodeID?
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
    /// The number of times that somebody acted on witnesses alone, his last renewal being older than the fence.
    private(set) var kept = 0
    private var renewedAt: ContinuousClock.Instant
    private var awayUntil: ContinuousClock.Instant
    private var late: [LateRenewal] = []

    init(timing: ElectionState.Timing, candidates count: Int, seed: UInt64) {
        self.timing = timing
        random = SeededGenerator(seed: seed)
        let start = now
        (renewedAt, awayUntil) = (start, start)
        candidates = (0..<count).map { _ in
            let id = SessionID.new()
            let state = ElectionState(timing, me: id, now: start)
            return Candidate(id: id, state: state, stoppedUntil: start, cutOffUntil: start)
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
        if timing.outage > .zero { disturb(index) }
        guard candidates[index].stoppedUntil <= now else { return }
        if Int.random(in: 0..<40, using: &random) == 0 {
            candidates[index].stoppedUntil = now + .milliseconds(Int.random(in: 100...9000, using: &random))
            return
        }
        if candidates[index].state.leadership(at: now) != nil, handOver(index) { return }
        let askedAt = now
        let action = candidates[index].state.next(at: now)
        let list = candidates[index].state.list(timing.outage > .zero ? witnesses(of: index) : nil)
        now += .milliseconds(Int.random(in: 0...300, using: &random))
        if isCutOff(index) {
            candidates[index].state.couldNotLook()
            guard case .renew(let term) = action else { return }
            let arrival = now + .milliseconds(Int.random(in: 0...8000, using: &random))
            let (id, node) = (candidates[index].id, candidates[index].node)
            late.append(LateRenewal(id: id, term: term, list: list, leader: node, arrivesAt: arrival))
            return
        }
        let isAnswered = Int.random(in: 0..<6, using: &random) > 0
        perform(action, by: index, list, askedAt: askedAt, answered: isAnswered)
    }

    // MARK: Witnesses

    private func isCutOff(_ index: Int) -> Bool { now < max(awayUntil, candidates[index].cutOffUntil) }

    /// Mostly those of before, so that lists are confirmed.
    private mutating func witnesses(of index: Int) -> Set<NodeID>? {
        let others = candidates.map(\.node).filter { $0 != candidates[index].node }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return nil
        case 1: return Set(others.filter { _ in Bool.random(using: &random) })
        default: return Set(others)
        }
    }

    private mutating func disturb(_ index: Int) {
        func outage(_ random: inout SeededGenerator) -> Duration {
            .milliseconds(Int.random(in: 2000...25_000, using: &random))
        }
        switch Int.random(in: 0..<300, using: &random) {
        case 0...1: awayUntil = now + outage(&random)
        case 2...3: candidates[index].cutOffUntil = now + outage(&random)
        case 4:
            // Another process of the node, which closes the gate at its start.
            candidates[index].id = .new()
            candidates[index].state = ElectionState(timing, me: candidates[index].id, now: now)
            candidates[index].round = nil
        default: break
        }
        for renewal in late where renewal.arrivesAt <= now { execute(renewal) }
        late.removeAll { $0.arrivesAt <= now }
        exchange()
    }

    private mutating func execute(_ renewal: LateRenewal) {
        guard row.term == renewal.term, row.holder == renewal.id else { return }
        row.renewals += 1
        write(renewal.list, of: renewal.leader)
    }

    private mutating func write(_ list: WitnessList, of leader: NodeID) {
        guard list.number > row.list.number else { return }
        (row.list, row.leader) = (list, leader)
    }

    /// Begins and completes rounds; of questions and of answers each fourth is lost, and answers arrive a step later.
    private mutating func exchange() {
        for index in candidates.indices where candidates[index].stoppedUntil <= now {
            let (confirmed, before) = (candidates[index].confirmed, candidates[index].state.leadership(at: now))
            if let round = candidates[index].round {
                let isConfirmed = candidates[index].state.confirmed(round, by: confirmed, at: now)
                if isConfirmed || now >= candidates[index].state.end(of: round) { candidates[index].round = nil }
            }
            if before != nil, now - renewedAt > timing.fence, row.term == before?.term { kept += 1 }
            if candidates[index].round == nil {
                let nonce = UInt64.random(in: .min ... .max, using: &random)
                candidates[index].round = candidates[index].state.round(nonce: nonce, at: now)
                candidates[index].confirmed = []
            }
        }
        for leader in candidates.indices {
            guard let round = candidates[leader].round else { continue }
            for witness in candidates.indices where candidates[witness].stoppedUntil <= now {
                guard round.asked.contains(candidates[witness].node), Int.random(in: 0..<4, using: &random) > 0,
                    candidates[witness].state.confirm(candidates[leader].id, at: now),
                    Int.random(in: 0..<4, using: &random) > 0
                else { continue }
                candidates[leader].confirmed.insert(candidates[witness].node)
            }
        }
    }

    // MARK: The database

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
        _ list: WitnessList,
        askedAt: ContinuousClock.Instant,
        answered: Bool
    ) {
        let (id, node) = (candidates[index].id, candidates[index].node)
        let isWitness = row.list.nodes?.contains(node) ?? true || row.leader == node
        switch action {
        case .stepDown: break
        case .look:
            let sighting = ElectionState.Sighting(
                holder: row.holder,
                term: row.term,
                renewals: row.renewals,
                lease: timing.lease,
                isHandingOver: row.handingOver == row.term,
                successor: row.successor,
                outage: isWitness ? .zero : timing.outage
            )
            guard answered else { return candidates[index].state.couldNotLook() }
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
            renewedAt = askedAt
            changesOfHolder += 1
            if answered {
                candidates[index].state.acquired(term: row.term, askedAt: askedAt)
            } else {
                candidates[index].state.wasBeaten(at: now)
            }
        case .renew(let term):
            if row.term == term, row.holder == id {
                row.renewals += 1
                write(list, of: node)
                row.handingOver = candidates[index].state.handover?.isAnnounced == true ? term : nil
                if answered {
                    candidates[index].state.renewed(term: term, askedAt: askedAt, list: list)
                    renewedAt = askedAt
                }
            } else if answered {
                _ = candidates[index].state.lost(at: now)
            }
        }
    }
}
