import ClusterOpsTestKit
import Testing

@testable import ClusterModel

@Suite struct ElectionStateTests {
    private let timing = ElectionState.Timing(lease: .seconds(5), renew: .seconds(1), fence: .milliseconds(3500))
    private let start = ContinuousClock.now
    private let me = SessionID.new()
    private let other = SessionID.new()

    private func sighting(
        _ holder: SessionID?,
        term: UInt64 = 7,
        renewals: UInt64 = 1,
        lease: Duration = .seconds(5)
    )
        -> ElectionState.Sighting
    {
        .init(holder: holder, term: term, renewals: renewals, lease: lease)
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

    @Test func `a lease is taken over only when it has stood still for all of it, seen from here`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        state.saw(sighting(other), answeredAt: start + .seconds(1))
        #expect(state.next(at: start + .milliseconds(4999)) == .look)
        #expect(state.next(at: start + .seconds(5)) == .acquire(after: sighting(other)))
        state.saw(sighting(other, renewals: 2), answeredAt: start + .seconds(5))
        #expect(state.next(at: start + .milliseconds(9999)) == .look, "it was renewed")
        #expect(state.next(at: start + .seconds(10)) == .acquire(after: sighting(other, renewals: 2)))
    }

    @Test func `a holder that was given longer than this candidate would be is waited for as long as it was given`() {
        var state = ElectionState(timing, me: me, now: start)
        let longer = sighting(other, lease: .seconds(20))
        state.saw(longer, answeredAt: start)
        #expect(state.next(at: start + .milliseconds(19_999)) == .look)
        #expect(state.next(at: start + .seconds(20)) == .acquire(after: longer))
        let shorter = sighting(other, renewals: 2, lease: .seconds(1))
        state.saw(shorter, answeredAt: start + .seconds(20))
        #expect(state.next(at: start + .milliseconds(24_999)) == .look, "but never shorter than its own")
    }

    @Test func `a lease that is held is looked at once a renewal, and at the moment when it may be taken`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        #expect(state.pause(at: start) == .seconds(1))
        #expect(state.pause(at: start + .milliseconds(4900)) == .milliseconds(100))
        #expect(state.pause(at: start + .seconds(5)) == .zero)
    }

    @Test func `one that stays away takes no lease, and is not asked to be ready`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(nil), answeredAt: start)
        state.stayAway(until: start + .seconds(10))
        #expect(state.next(at: start + .seconds(9)) == .look && state.pause(at: start + .seconds(9)) == .seconds(1))
        #expect(state.next(at: start + .seconds(10)) == .acquire(after: sighting(nil)))
    }

    @Test func `a missed renewal is the sign to make ready`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        #expect(!state.shouldBeReady(false, at: start + .milliseconds(1999)))
        #expect(state.shouldBeReady(false, at: start + .seconds(2)))
        state.saw(sighting(nil), answeredAt: start + .seconds(1))
        #expect(
            !state.shouldBeReady(false, at: start + .seconds(1)),
            "a lease that was given back is taken, not waited for"
        )
        #expect(state.shouldBeReady(true, at: start + .seconds(1)), "and who is ready lets go of nothing before")
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

    @Test(arguments: [(term: UInt64(6), renewals: UInt64(9)), (term: 7, renewals: 4)])
    func `a lease that is older than it was is free for nobody before the lease of its lost version is over`(
        older: (term: UInt64, renewals: UInt64)
    ) {
        for holder in [nil, other] {
            var state = ElectionState(timing, me: me, now: start)
            let newest = sighting(.new(), term: 7, renewals: 5, lease: .seconds(8))
            #expect(state.saw(newest, answeredAt: start) == false)
            let seen = sighting(holder, term: older.term, renewals: older.renewals)
            let again = start + .seconds(1)
            #expect(state.saw(seen, answeredAt: again) == true)
            #expect(state.saw(seen, answeredAt: again + .seconds(1)) == false, "told once")
            #expect(state.next(at: again + .milliseconds(7999)) == .look)
            #expect(state.pause(at: again + .milliseconds(7999)) == .milliseconds(1))
            #expect(state.next(at: again + .seconds(8)) == .acquire(after: seen))
        }
    }

    @Test func `what was lost counts no more once it was waited for, and what this node held counts as seen`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(nil, term: 7, renewals: 5), answeredAt: start)
        state.acquired(term: 8, askedAt: start)
        _ = state.lost(at: start + .seconds(1))
        let lost = sighting(nil, term: 7, renewals: 5)
        #expect(state.saw(lost, answeredAt: start + .seconds(1)) == true)
        #expect(state.next(at: start + .milliseconds(5999)) == .look)
        #expect(state.saw(sighting(other, term: 8, renewals: 6), answeredAt: start + .seconds(5)) == false)
        let resigned = sighting(nil, term: 8, renewals: 7)
        #expect(state.saw(resigned, answeredAt: start + .seconds(6)) == false)
        #expect(state.next(at: start + .seconds(6)) == .acquire(after: resigned))
    }

    @Test(arguments: [UInt64](1...200))
    func `of candidates that pause, hand over and lose answers, and ask no clock but their own, never two act at once`(
        seed: UInt64
    ) {
        var simulation = ElectionSimulation(timing: timing, candidates: 3, seed: seed)
        for _ in 0..<2000 {
            simulation.step()
            #expect(simulation.acting.count <= 1, "seed \(seed), step \(simulation.steps): \(simulation.acting)")
            guard simulation.acting.count <= 1 else { return }
        }
        #expect(simulation.changesOfHolder > 1, "seed \(seed): nothing was taken over")
        #expect(simulation.resignations > 0, "seed \(seed): nobody handed over")
        #expect(simulation.snatched == 0, "seed \(seed): a lease that was left to one who is ready went to another")
    }

    @Test(arguments: [UInt64](1...150))
    func `while the database comes and goes and witnesses confirm, never two act at once`(seed: UInt64) {
        let timing = ElectionState.Timing(
            lease: .seconds(5),
            renew: .seconds(1),
            fence: .milliseconds(3500),
            outage: .seconds(15)
        )
        var simulation = ElectionSimulation(timing: timing, candidates: 3, seed: seed)
        for _ in 0..<3000 {
            simulation.step()
            #expect(simulation.acting.count <= 1, "seed \(seed), step \(simulation.steps): \(simulation.acting)")
            guard simulation.acting.count <= 1 else { return }
        }
        #expect(simulation.changesOfHolder > 1, "seed \(seed): nothing was taken over")
        #expect(simulation.kept > 0, "seed \(seed): no gate stayed open without the database")
    }

    // MARK: Handing over

    @Test func `a leader that hands over is the sign to make ready, and its term is what one is ready for`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(sighting(other), answeredAt: start)
        #expect(!state.shouldBeReady(false, at: start) && state.awaitedTerm(at: start) == nil)
        state.saw(handingOver(other), answeredAt: start)
        #expect(state.shouldBeReady(false, at: start) && state.awaitedTerm(at: start) == 7)
        #expect(state.pause(at: start) == .milliseconds(100))
        #expect(state.next(at: start) == .look, "the lease runs")
        state.saw(sighting(other, renewals: 2), answeredAt: start + .seconds(1))
        #expect(!state.shouldBeReady(true, at: start + .seconds(1)), "it stays")
    }

    @Test func `one that dies while it hands over is followed like any other`() {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(handingOver(other), answeredAt: start)
        #expect(state.next(at: start + .milliseconds(4999)) == .look)
        #expect(state.next(at: start + .seconds(5)) == .acquire(after: handingOver(other)))
    }

    @Test func `what was left to somebody is his for a moment, and anybody's after it`() {
        let left = ElectionState.Sighting(holder: nil, term: 7, renewals: 2, successor: me)
        var successor = ElectionState(timing, me: me, now: start)
        successor.saw(left, answeredAt: start)
        #expect(successor.next(at: start) == .acquire(after: left))
        var another = ElectionState(timing, me: other, now: start)
        another.saw(left, answeredAt: start)
        #expect(another.shouldBeReady(false, at: start), "whoever it was left to may be gone")
        #expect(another.next(at: start + .milliseconds(999)) == .look)
        #expect(another.pause(at: start) == .milliseconds(100))
        #expect(another.next(at: start + .seconds(1)) == .acquire(after: left))
    }

    @Test func `who resigned because it was asked stands again when it has seen another one lead`() {
        var state = ElectionState(timing, me: me, now: start)
        state.stayAway(until: start + .seconds(20), endsWhenLed: true)
        state.saw(sighting(nil), answeredAt: start)
        #expect(state.next(at: start + .seconds(2)) == .look && state.pause(at: start) == .seconds(1))
        #expect(!state.shouldBeReady(false, at: start))
        state.saw(sighting(me), answeredAt: start)
        #expect(state.next(at: start + .seconds(2)) == .look, "that is its own")
        state.saw(sighting(other, term: 8), answeredAt: start + .seconds(2))
        state.saw(sighting(nil, term: 8, renewals: 2), answeredAt: start + .seconds(3))
        #expect(state.next(at: start + .seconds(3)) == .acquire(after: sighting(nil, term: 8, renewals: 2)))
    }

    @Test func `a hand-over belongs to a tenure, and goes on for the cause that leaves least choice`() {
        var state = ElectionState(timing, me: me, now: start)
        let began = state.handOver(.stopping, strength: 1, at: start)
        #expect(!began, "who does not lead has nothing to hand over")
        state.acquired(term: 8, askedAt: start)
        let isAsked = state.handOver(.requested(.new()), strength: 1, at: start)
        state.announce()
        let isStopped = state.handOver(.stopping, strength: 9, at: start + .seconds(1))
        let isDrained = state.handOver(.ineligible, strength: 1, at: start + .seconds(1))
        #expect(isAsked && isStopped && !isDrained)
        #expect(state.handover?.cause == .stopping && state.handover?.isAnnounced == true)
        _ = state.lost(at: start + .seconds(2))
        #expect(state.handover == nil)
    }

    private func handingOver(_ holder: SessionID) -> ElectionState.Sighting {
        .init(holder: holder, term: 7, renewals: 1, lease: .seconds(5), isHandingOver: true)
    }
}
