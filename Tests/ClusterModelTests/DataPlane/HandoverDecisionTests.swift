import ClusterModel
import Testing

@Suite struct HandoverDecisionTests {
    private let start = ContinuousClock.now

    private typealias Standing = HandoverDecision.Standing

    /// Nodes by the numbers of those that do not reach them: `standing(1, not: [2, 3])`.
    private func standing(
        _ number: Int,
        not: [Int] = [],
        faulty: Bool = false,
        bridge: DataPlaneCheck.State? = .ok
    ) throws -> Standing {
        Standing(
            node: try NodeName("h\(number)"),
            unreachableFor: Set(try not.map { try NodeName("h\($0)") }),
            isFaulty: faulty,
            externalBridge: bridge
        )
    }

    private func situation(
        _ leader: Standing,
        _ candidates: [Standing],
        needsBridge: Bool = false,
        sinceLast: Duration? = nil
    ) -> HandoverDecision.Situation {
        HandoverDecision.Situation(
            leader: leader,
            candidates: candidates,
            needsExternalBridge: needsBridge,
            sinceLast: sinceLast
        )
    }

    private func request(_ situation: HandoverDecision.Situation) -> String? {
        HandoverDecision.request(situation).map { "\($0.cause.rawValue) \($0.successor)" }
    }

    @Test func `a leader that most candidates do not reach hands over to the one that is reached best`() throws {
        let others = [try standing(2, not: [1]), try standing(3, not: [1])]
        #expect(request(situation(try standing(1, not: [2, 3]), others)) == "cut_off h2")
        #expect(request(situation(try standing(1, not: [2]), others)) == nil, "one of two is not most")
        #expect(request(situation(try standing(1), others)) == nil)
        // Hypervisors count when the candidates are compared.
        let uneven = [try standing(2, not: [1, 8]), try standing(3, not: [1])]
        #expect(request(situation(try standing(1, not: [2, 3, 8, 9]), uneven)) == "cut_off h3")
    }

    @Test func `of two that do not reach each other the third parties tell which one is cut off`() throws {
        let leader = try standing(1, not: [2, 8, 9])
        #expect(request(situation(leader, [try standing(2, not: [1])])) == "cut_off h2")
        #expect(request(situation(try standing(1, not: [2]), [try standing(2, not: [1, 8, 9])])) == nil)
        #expect(request(situation(try standing(1, not: [2]), [try standing(2, not: [1])])) == nil, "nobody can tell")
        #expect(request(situation(try standing(1, not: [2]), [try standing(2)])) == nil, "nor by who says it first")
        #expect(request(situation(try standing(1, not: [2], faulty: true), [try standing(2, not: [1])])) == "faulty h2")
    }

    @Test func `nobody who is worse or no better takes over`() throws {
        let all = [2, 3, 8, 9]
        let dark = [try standing(2, not: [1, 3, 8, 9]), try standing(3, not: [1, 2, 8, 9])]
        #expect(request(situation(try standing(1, not: all), dark)) == nil, "the whole switch is dark")
        let faulty = [try standing(2, not: [1], faulty: true), try standing(3, not: [1], faulty: true)]
        #expect(request(situation(try standing(1, not: all), faulty)) == nil)
        #expect(request(situation(try standing(1, faulty: true), faulty)) == nil)
        #expect(request(situation(try standing(1, not: all), [])) == nil, "there is nobody")
    }

    @Test func `a leader without an external bridge hands over to one that has it and is reached as well`() throws {
        let without = try standing(1, bridge: .failed)
        let others = [try standing(2, bridge: .unused), try standing(3)]
        #expect(request(situation(without, others, needsBridge: true)) == "without_external_bridge h3")
        #expect(request(situation(without, others)) == nil, "no network leads outside")
        #expect(request(situation(try standing(1, bridge: .unused), others, needsBridge: true)) != nil)
        #expect(request(situation(try standing(1, bridge: nil), others, needsBridge: true)) == nil, "not known yet")
        let unreachable = [try standing(3, not: [8])]
        #expect(request(situation(without, unreachable, needsBridge: true)) == nil)
        #expect(request(situation(without, [try standing(2, bridge: .failed)], needsBridge: true)) == nil)
        // To be reached matters more than to lead outside.
        let cut = try standing(1, not: [2, 3, 8])
        let none = [try standing(2, not: [1], bridge: .failed), try standing(3, not: [1], bridge: .failed)]
        #expect(request(situation(cut, none, needsBridge: true)) == "cut_off h2")
        let onlyThird = [try standing(2, not: [1], bridge: .failed), try standing(3, not: [1])]
        #expect(request(situation(cut, onlyThird, needsBridge: true)) == "cut_off h3")
    }

    @Test func `a cause has to last, and one that comes and goes never does`() throws {
        let cut = situation(try standing(1, not: [2]), [try standing(2, not: [1])])
        let bad = situation(try standing(1, not: [2, 8]), [try standing(2, not: [1])])
        var decision = HandoverDecision()
        var requests: [Duration] = []
        for tenth in 0..<600 {
            let time = Duration.milliseconds(tenth * 100)
            if decision.step(tenth % 9 == 0 ? cut : bad, at: start + time) != nil { requests.append(time) }
        }
        #expect(requests == [])
        for tenth in 600..<800 {
            let time = Duration.milliseconds(tenth * 100)
            if decision.step(bad, at: start + time) != nil { requests.append(time) }
        }
        #expect(requests == [.milliseconds(60_500)], "a second after the last time that all was well")
    }

    @Test func `there is one in two minutes in the cluster, and one in half a minute of a leader that stays`() throws {
        var decision = HandoverDecision()
        func requests(_ seconds: Range<Int>, sinceLast: (Int) -> Duration?) throws -> [Int] {
            try seconds.filter { second in
                let bad = situation(
                    try standing(1, not: [2, 8]),
                    [try standing(2, not: [1])],
                    sinceLast: sinceLast(second)
                )
                return decision.step(bad, at: start + .seconds(second)) != nil
            }
        }
        // Somebody else has done it 20 s ago.
        #expect(try requests(0..<110) { .seconds($0 + 20) } == [100])
        // It was refused: then nothing was done, and the database says nothing of it.
        #expect(try requests(110..<200) { _ in nil } == [130, 160, 190])
    }
}
