import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// The right of a session to act, as its renewals, its loss and a jump of the clock change it.
@Suite struct EpochStateTests {
    private let start = ContinuousClock.now
    private let timing = SessionLease.Timing(lease: .seconds(10), renew: .seconds(2))

    private func makeState(opened: Bool = true) -> EpochState {
        let poll = IdlePoll(interval: .seconds(2), renewInterval: .seconds(2))
        var state = EpochState(poll, RestPace(timing, phase: 0))
        if opened { state.opened(SessionLease(timing, sentAt: start), isDraining: false) }
        return state
    }

    @Test func `a session that is not opened has no right to act, takes nothing, and is not renewed`() {
        var state = makeState(opened: false)
        #expect(state.deadline(at: start) == start && state.isDraining)
        #expect(state.renewed(sentAt: start, at: start) == nil)
        #expect(state.pause(afterFailure: false, at: start) == .zero)
        state.opened(SessionLease(timing, sentAt: start), isDraining: true)
        #expect(state.deadline(at: start) == start + .seconds(9) && state.isDraining)
    }

    @Test func `a renewal counts from when it was sent, and never shortens`() {
        var state = makeState()
        let late = start + .seconds(4)
        #expect(state.renewed(sentAt: start + .seconds(2), at: late) == start + .seconds(11))
        #expect(state.renewed(sentAt: start + .seconds(1), at: late) == start + .seconds(11))
        #expect(state.deadline(at: late) == start + .seconds(11))
    }

    @Test func `a renewal that is answered at the deadline or after it does not count`() {
        for late: Duration in [.seconds(9), .seconds(3600)] {
            var state = makeState()
            #expect(state.renewed(sentAt: start + .seconds(2), at: start + late) == nil)
            #expect(state.deadline(at: start + late) == start + .seconds(9))
        }
        var state = makeState()
        #expect(state.renewed(sentAt: start + .seconds(2), at: start + .milliseconds(8999)) == start + .seconds(11))
    }

    @Test func `a clock that jumps over the deadline, as after a suspend, leaves no time before the next renewal`() {
        let state = makeState()
        #expect(state.pause(afterFailure: false, at: start) == .seconds(2))
        #expect(state.pause(afterFailure: true, at: start) == .milliseconds(500))
        #expect(state.pause(afterFailure: false, at: start + .seconds(8)) == .seconds(1))
        #expect(state.pause(afterFailure: false, at: start + .seconds(600)) == .zero)
    }

    @Test func `a lost session stays lost, and is not renewed any more`() {
        var state = makeState()
        state.lose()
        #expect(state.renewed(sentAt: start + .seconds(2), at: start + .seconds(2)) == nil)
        #expect(state.isLost && state.deadline(at: start) == start + .seconds(9))
    }

    @Test func `a node that was removed stays removed, whatever is said of draining`() {
        var state = makeState()
        state.loseNode()
        state.isDraining = true
        state.isDraining = false
        #expect(state.isNodeGone && !state.isLost && !state.isDraining)
    }

    @Test func `unknown claims are compared once for all that were seen since`() {
        var state = makeState()
        let before = state.takeUnknown()
        state.seeUnknown()
        state.seeUnknown()
        let (first, second) = (state.takeUnknown(), state.takeUnknown())
        #expect(!before && first && !second)
    }

    @Test func `a session rests while it has nothing to do, in a ring that lets it`() {
        var state = makeState()
        func turns(hasWork: Bool = false, failed: Bool = false) -> [RestPace.Turn] {
            (0..<4).map { _ in state.nextTurn(hasWork: hasWork, afterFailure: failed) }
        }
        let atWork = Array(repeating: RestPace.Turn.look(after: 1), count: 4)
        #expect(turns() == atWork, "the ring is not known yet")
        state.allowsRest = true
        #expect(turns() == [.nothing, .renewal, .nothing, .look(after: 4)])
        #expect(turns(hasWork: true) == atWork)
        #expect(turns(failed: true) == atWork)
        state.isDraining = true
        #expect(turns() == atWork)
        state.isDraining = false
        // A look that was asked for before it happened has not seen it.
        state.disturb(at: start + .seconds(1))
        state.looked(askedAt: start, foundWork: false)
        #expect(turns() == atWork)
        state.looked(askedAt: start + .seconds(2), foundWork: false)
        #expect(turns() == [.nothing, .renewal, .nothing, .look(after: 4)])
        state.looked(askedAt: start + .seconds(3), foundWork: true)
        #expect(turns() == atWork)
    }

    @Test func `a lease of few renewals leaves none of them out`() {
        var pace = RestPace(SessionLease.Timing(lease: .seconds(9), renew: .seconds(2)), phase: 1)
        #expect((0..<4).allSatisfy { _ in pace.next(isAtRest: true) == .look(after: 1) })
    }

    @Test func `a poll is not due before the look of a session at rest`() {
        var state = makeState()
        state.looked(askedAt: start, foundWork: false)
        func isDue(after seconds: Int) -> Bool { state.isPollDue(at: start + .seconds(seconds)) }
        #expect(!isDue(after: 3) && isDue(after: 4))
        state.allowsRest = true
        #expect(!isDue(after: 9) && isDue(after: 10))
    }
}
