import Testing

@testable import ClusterModel

@Suite struct HandoverTests {
    private let start = ContinuousClock.now
    private let late = ContinuousClock.now + .seconds(20)
    private let request = ResignationID.new()
    private let one = SessionID.new()
    private let two = SessionID.new()

    private func handover(_ cause: Handover.Cause) -> Handover {
        Handover(cause, strength: 150, deadline: start + .seconds(10))
    }

    private func prospects(_ ready: (SessionID, Int)..., someoneStands: Bool = true) -> Handover.Prospects {
        .init(ready: ready.map { Handover.Candidate(id: $0, strength: $1) }, someoneStands: someoneStands)
    }

    @Test func `the lease is left to one who is ready to serve as much, whatever the cause`() {
        for cause in [Handover.Cause.stopping, .ineligible, .requested(request)] {
            #expect(handover(cause).step(prospects(), at: start) == .wait)
            #expect(handover(cause).step(prospects((one, 149)), at: start) == .wait)
            #expect(handover(cause).step(prospects((one, 149), (two, 150)), at: start) == .resign(to: two))
        }
    }

    @Test func `of two who are ready alike it is always the same one`() {
        let either = handover(.stopping).step(prospects((one, 150), (two, 150)), at: start)
        #expect(handover(.stopping).step(prospects((two, 150), (one, 150)), at: start) == either)
        #expect(either == .resign(to: min(one, two)))
    }

    @Test func `when its time is over, who must go leaves it to the next best, and who was asked stays`() {
        #expect(handover(.stopping).step(prospects((one, 3), (two, 149)), at: late) == .resign(to: two))
        #expect(handover(.ineligible).step(prospects(), at: late) == .resign(to: nil))
        #expect(handover(.requested(request)).step(prospects((one, 149)), at: late) == .stay(.nobodyReady, request))
    }

    @Test func `where nobody else stands nobody is waited for`() {
        let alone = prospects(someoneStands: false)
        #expect(handover(.stopping).step(alone, at: start) == .resign(to: nil))
        #expect(handover(.requested(request)).step(alone, at: start) == .stay(.nobodyStands, request))
    }

    @Test func `a look that failed says of nobody that he is not there, and is waited out`() {
        #expect(handover(.stopping).step(nil, at: start) == .wait)
        #expect(handover(.stopping).step(nil, at: late) == .resign(to: nil))
        #expect(handover(.ineligible).step(nil, at: late) == .wait, "nobody can be elected without the database")
        #expect(handover(.requested(request)).step(nil, at: late) == .stay(.nobodyReady, request))
    }
}
