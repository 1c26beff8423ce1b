import DatabaseTime
import Testing

@testable import ClusterModel

/// The distance at which workers take from the head of a queue.
@Suite struct ClaimSpreadTests {
    private func candidate(_ queue: String, _ number: Int, key: String? = nil) throws -> ClaimCandidate {
        ClaimCandidate(
            id: .new(),
            queue: try QueueName(queue),
            readyAt: Timestamp(microseconds: Int64(number)),
            exclusiveKey: key,
            tasks: [BuiltInTask.noop.name]
        )
    }

    @Test func `who meets nobody takes the first, and who meets others begins ever farther away`() throws {
        var spread = ClaimSpread()
        var generator = SystemRandomNumberGenerator()
        let choices = try (0..<300).map { try candidate("any-user_facing", $0) }
            .map { ClaimPolicy.Choice(candidate: $0, isReserved: false) }
        #expect(spread.spread(choices, most: 4, using: &generator) == choices)
        spread.claimed(1, skipped: 1)
        #expect(spread.width == 0, "as many as it got")
        var widths: [Int] = []
        for _ in 0..<5 {
            spread.claimed(0, skipped: 4)
            widths.append(spread.width)
        }
        #expect(widths == [32, 64, 128, 256, 256])
        var starts: Set<Int> = []
        for _ in 0..<200 {
            let spread = spread.spread(choices, most: 4, using: &generator)
            #expect(spread.count == 4)
            let start = try #require(choices.firstIndex(of: spread[0]))
            #expect(start < 256 && (0..<4).allSatisfy { spread[$0] == choices[(start + $0) % 300] })
            starts.insert(start)
        }
        #expect(starts.count > 50, "of 200 places in 256 half are different as a rule")
        for _ in 0..<20 { spread.claimed(4, skipped: 0) }
        #expect(spread.width == 0, "nobody is met any more")
    }

    @Test func `no queue goes before another, and what is exclusive or reserved keeps its place`() throws {
        var spread = ClaimSpread()
        for _ in 0..<4 { spread.claimed(0, skipped: 4) }
        var generator = SystemRandomNumberGenerator()
        var choices = try (0..<6).map { try candidate("any-user_waiting", $0) }
            .map { ClaimPolicy.Choice(candidate: $0, isReserved: false) }
        choices.insert(ClaimPolicy.Choice(candidate: try candidate("any-background", 1), isReserved: true), at: 3)
        choices += try ["a", "b"].map { try candidate("networknode-background", 1, key: $0) }
            .map { ClaimPolicy.Choice(candidate: $0, isReserved: false) }
        choices += try (0..<6).map { try candidate("any-background", $0) }
            .map { ClaimPolicy.Choice(candidate: $0, isReserved: false) }
        for _ in 0..<50 {
            let moved = spread.spread(choices, most: 10, using: &generator)
            #expect(moved.map(\.candidate.queue) == choices.map(\.candidate.queue))
            #expect(moved[3] == choices[3] && moved[7] == choices[7] && moved[8] == choices[8])
            #expect(Set(moved.map(\.candidate.id)) == Set(choices.map(\.candidate.id)))
        }
    }
}
