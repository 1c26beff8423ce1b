import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// The end of a tenure, by the holder's own clock.
@Suite struct TenureTests {
    @Test func `a tenure that is over, by its time or before it, is not extended`() {
        func tenure(_ time: Duration) -> Tenure {
            Tenure(lease: ElectedLease.networkNode, term: 1, holder: .new(), until: .now + time)
        }
        let (past, ended, present) = (tenure(.seconds(-1)), tenure(.seconds(600)), tenure(.seconds(600)))
        ended.finish()
        for over in [past, ended] {
            #expect(!over.extend(until: .now + .seconds(1200)))
            #expect(over.isOver)
        }
        let later = ContinuousClock.now + .seconds(1200)
        #expect(present.extend(until: later) && present.deadline == later)
        #expect(present.extend(until: .now) && present.deadline == later, "it is never shortened")
    }
}
