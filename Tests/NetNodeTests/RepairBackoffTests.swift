import ClusterModel
import NetNode
import Testing

@Suite struct RepairBackoffTests {
    private let start = ContinuousClock.now
    private let (bad, good): (VNI, VNI)

    init() throws { (bad, good) = (try VNI(100), try VNI(200)) }

    @Test func `one that cannot be repaired is tried later and later, and keeps no other waiting`() {
        var backoff = RepairBackoff()
        var tries: [Int] = []
        for second in 0..<200 {
            let now = start + .seconds(second)
            let due = backoff.due([bad, good], at: now)
            if due.contains(bad) { tries.append(second) }
            backoff.note(repaired: due.intersection([bad]), broken: due.intersection([bad]), at: now)
            #expect(due.contains(good), "at \(second) s")
        }
        #expect(tries == [0, 1, 2, 4, 8, 16, 32, 62, 92, 122, 152, 182])
    }

    @Test func `what was repaired is repaired again at once, however often`() {
        var backoff = RepairBackoff()
        for number in 0..<100 {
            let now = start + .milliseconds(number)
            #expect(backoff.due([bad], at: now) == [bad], "repair \(number)")
            backoff.note(repaired: [bad], broken: [], at: now)
        }
    }

    @Test func `one that was well in between begins anew`() {
        for wasRepaired in [true, false] {
            var backoff = RepairBackoff()
            for second in [0, 1, 2, 4] {
                let now = start + .seconds(second)
                #expect(backoff.due([bad], at: now) == [bad])
                backoff.note(repaired: [bad], broken: [bad], at: now)
            }
            #expect(backoff.due([bad], at: start + .seconds(7)).isEmpty)
            // By us, or by somebody else.
            if wasRepaired {
                backoff.note(repaired: [bad], broken: [], at: start + .seconds(9))
            } else {
                #expect(backoff.due([], at: start + .seconds(9)).isEmpty)
            }
            #expect(backoff.due([bad], at: start + .seconds(10)) == [bad])
            backoff.note(repaired: [bad], broken: [bad], at: start + .seconds(10))
            #expect(backoff.due([bad], at: start + .seconds(11)) == [bad])
        }
    }

    @Test func `a repair under way hides nothing: one that fails slowly is tried later and later too`() throws {
        var backoff = RepairBackoff()
        let (vni, start) = (try VNI(7), ContinuousClock.now)
        for strike in 0..<3 {
            #expect(backoff.due([], besides: [vni], at: start) == [])
            backoff.note(repaired: [vni], broken: [vni], at: start)
            #expect(backoff.due([vni], besides: [], at: start).isEmpty == (strike > 0))
        }
        #expect(backoff.due([vni], at: start + .seconds(2)) == [vni])
    }
}
