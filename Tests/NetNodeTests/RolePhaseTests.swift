import ClusterEngine
import ClusterModel
import Testing

@testable import NetNode

@Suite struct RolePhaseTests {
    private let now = ContinuousClock.now

    private func tenure(_ term: UInt64, isOver: Bool = false) -> Tenure {
        Tenure(lease: "test", term: term, holder: .new(), until: isOver ? now - .seconds(1) : now + .seconds(3600))
    }

    @Test func `a tenure is heard from its opening until it falls silent, and has begun until it is retired`() {
        var phase = RolePhase()
        let first = tenure(1)
        let hasBegun = phase.begin(first, at: now)
        #expect(hasBegun && phase.hasBegun && phase.heard == nil)
        phase.opened(first, at: now)
        #expect(phase.heard === first)
        phase.silence(first)
        #expect(phase.heard == nil && phase.hasBegun)
        phase.opened(first, at: now)
        #expect(phase.heard == nil, "it stays silent")
        phase.retire(first)
        #expect(!phase.hasBegun)
    }

    @Test func `a tenure that was retired before it began does not begin, and the next one does`() {
        var phase = RolePhase()
        let (first, second) = (tenure(1), tenure(2))
        phase.retire(first)
        let begins = [first, tenure(2, isOver: true), second].map { phase.begin($0, at: now) }
        #expect(begins == [false, false, true] && phase.hasBegun)
    }

    @Test func `a term that goes back, as in a database that was restored, begins like any other`() {
        var phase = RolePhase()
        let (first, restored) = (tenure(500), tenure(481))
        var begins = [phase.begin(first, at: now)]
        phase.retire(first)
        begins.append(phase.begin(restored, at: now))
        #expect(begins == [true, true])
    }

    @Test func `what comes late of an earlier tenure changes nothing of the next one`() {
        var phase = RolePhase()
        let (first, second) = (tenure(1), tenure(2))
        _ = phase.begin(first, at: now)
        phase.retire(first)
        _ = phase.begin(second, at: now)
        phase.opened(first, at: now)
        #expect(phase.heard == nil)
        phase.opened(second, at: now)
        phase.silence(first)
        phase.retire(first)
        #expect(phase.heard === second && phase.hasBegun)
    }

    @Test func `patience is counted from the last opening, and before it from the beginning`() {
        var phase = RolePhase()
        let first = tenure(1)
        let later = now + .seconds(4)
        var waits = [phase.unheard(first, at: now), phase.unheard(first, at: now + .seconds(2))]
        #expect(waits == [.zero, .seconds(2)], "one that does not begin is not renewed for ever")
        _ = phase.begin(first, at: now)
        waits = [phase.unheard(first, at: later)]
        phase.opened(first, at: now + .seconds(3))
        waits.append(phase.unheard(first, at: later))
        #expect(waits == [.seconds(4), .seconds(1)])
    }
}
