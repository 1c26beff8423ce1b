import ClusterOpsTestKit
import Testing

@testable import ClusterOps

@Suite struct ElectionStateTests {
    private let timing = ElectionState.Timing(lease: .seconds(5), renew: .seconds(1), fence: .milliseconds(3500))
    private let start = ContinuousClock.now
    private let me = SessionID.new()
    private let other = SessionID.new()

    private func sighting(
        _ holder: SessionID?,
        term: UInt64 = 7,
        renewals: UInt64 = 1,
        expired: Bool = false
    )
        -> ElectionState.Sighting
    {
        .init(holder: holder, term: term, renewals: renewals, hasExpired: expired)
    }

    @Test func `a lease that nobody holds is taken at once`() {
        var state = ElectionState(timing, me: me, now: start)
        #expect(state.next(at: start) == .look)
        let free = sighting(nil)
        state.saw(free, answeredAt: start)
        #expect(state.pause(at: start) == .zero)
        #expect(state.next(at: start) == .acquire(after: free))
        state.acquired(term: 8, askedAt: start)
        #expect(state.leadership(at: start)?.term == 8)
        #expect(state.next(at: start + .seconds(1)) == .renew(term: 8))
    }

    @Test func `a leader's fence counts from before it asked, and is never shortened`() {
        var state = ElectionState(timing, me: me, now: start)
        state.acquired(term: 8, askedAt: start)
        #expect(state.leadership(at: start + .milliseconds(3499)) != nil)
        #expect(state.leadership(at: start + .milliseconds(3500)) == nil)
        state.renewed(term: 8, askedAt: start + .seconds(2))
        #expect(state.leadership(at: start + .milliseconds(5499)) != nil)
        state.renewed(term: 8, askedAt: start + .seconds(1))
        #expect(state.leadership(at: start + .milliseconds(5499)) != nil)
        state.renewed(term: 7, askedAt: start + .seconds(9))
        #expect(state.next(at: start + .milliseconds(5500)) == .stepDown(term: 8), "an answer to another term is none")
        #expect(state.next(at: start + .milliseconds(5501)) == .look)
    }

    @Test func `a lease is taken over only when it has expired there and stood still here for all of it`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        let expired = sighting(other, expired: true)
        state.saw(expired, answeredAt: start + .seconds(1))
        #expect(
            state.next(at: start + .milliseconds(4999)) == .look,
            "a clock that was set forward is believed by nobody"
        )
        #expect(state.next(at: start + .seconds(5)) == .acquire(after: expired))
        state.saw(sighting(other, renewals: 2), answeredAt: start + .seconds(5))
        #expect(state.next(at: start + .seconds(9)) == .look, "it was renewed")
        state.saw(sighting(other, renewals: 2), answeredAt: start + .seconds(10))
        #expect(state.next(at: start + .seconds(11)) == .look, "it has not expired there")
    }

    @Test func `a lease that stands still and does not end there is looked at now and then, not without pause`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        #expect(state.pause(at: start) == .seconds(1))
        #expect(state.pause(at: start + .milliseconds(4900)) == .milliseconds(100))
        #expect(state.pause(at: start + .seconds(60)) == .milliseconds(250))
        state.saw(sighting(other, expired: true), answeredAt: start + .seconds(60))
        #expect(state.pause(at: start + .seconds(60)) == .zero)
    }

    @Test func `one that stays away takes no lease, and is not asked to be ready`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(nil), answeredAt: start)
        state.stayAway(until: start + .seconds(10))
        #expect(state.next(at: start + .seconds(9)) == .look && state.pause(at: start + .seconds(9)) == .seconds(1))
        #expect(state.next(at: start + .seconds(10)) == .acquire(after: sighting(nil)))
    }

    @Test func `two missed renewals are the sign to make ready`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        #expect(!state.shouldPrepare(at: start + .milliseconds(2999)))
        #expect(state.shouldPrepare(at: start + .seconds(3)))
        state.saw(sighting(nil), answeredAt: start + .seconds(1))
        #expect(!state.shouldPrepare(at: start + .seconds(1)), "a lease that was given back is taken, not waited for")
    }

    @Test func `who lost its lease gives up its term at once, and who was beaten looks anew`() {
        var state = ElectionState(timing, me: me, now: start)
        state.acquired(term: 8, askedAt: start)
        #expect(state.lost(at: start + .seconds(1)) == 8)
        #expect(state.leadership(at: start + .seconds(1)) == nil)
        #expect(state.lost(at: start + .seconds(1)) == nil)
        state.wasBeaten(at: start + .seconds(2))
        #expect(state.next(at: start + .seconds(2)) == .look)
    }

    @Test(arguments: [UInt64](1...200))
    func `of candidates that pause, lose answers and meet a jumping database clock, never two act at once`(seed: UInt64)
    {
        var simulation = ElectionSimulation(timing: timing, candidates: 3, seed: seed)
        for _ in 0..<2000 {
            simulation.step()
            #expect(simulation.acting.count <= 1, "seed \(seed), step \(simulation.steps): \(simulation.acting)")
            guard simulation.acting.count <= 1 else { return }
        }
        #expect(simulation.changesOfHolder > 1, "seed \(seed): nothing was taken over")
    }
}

/// Candidates around a lease row, one of them doing one thing at each step.
private struct ElectionSimulation {
    private struct Candidate {
        let id: SessionID
        var state: ElectionState
        /// Stopped until then: it takes no step, and does not act either.
        var stoppedUntil: ContinuousClock.Instant
    }

    private let timing: ElectionState.Timing
    private var random: SeededGenerator
    private var candidates: [Candidate]
    private var now = ContinuousClock.now
    /// How far the database's clock is ahead of everybody's.
    private var skew: Duration = .zero
    private var row = (holder: SessionID?.none, term: UInt64(0), renewals: UInt64(0), expires: ContinuousClock.now)
    private(set) var steps = 0
    private(set) var changesOfHolder = 0

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
        if Int.random(in: 0..<60, using: &random) == 0 { skew = .seconds(Int.random(in: 0...20, using: &random)) }
        let askedAt = now
        let action = candidates[index].state.next(at: now)
        now += .milliseconds(Int.random(in: 0...300, using: &random))
        perform(action, by: index, askedAt: askedAt, answered: Int.random(in: 0..<6, using: &random) > 0)
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
                hasExpired: row.expires <= now + skew
            )
            if answered { candidates[index].state.saw(sighting, answeredAt: now) }
        case .acquire(let seen):
            let free = row.holder == nil || row.expires <= now + skew
            guard free, row.term == seen.term, row.renewals == seen.renewals else {
                if answered { candidates[index].state.wasBeaten(at: now) }
                return
            }
            row = (id, row.term + 1, row.renewals + 1, now + skew + timing.lease)
            changesOfHolder += 1
            if answered {
                candidates[index].state.acquired(term: row.term, askedAt: askedAt)
            } else {
                candidates[index].state.wasBeaten(at: now)
            }
        case .renew(let term):
            if row.term == term, row.holder == id, row.expires > now + skew {
                row.renewals += 1
                row.expires = now + skew + timing.lease
                if answered { candidates[index].state.renewed(term: term, askedAt: askedAt) }
            } else if answered {
                _ = candidates[index].state.lost(at: now)
            }
        }
    }
}
