import ClusterOpsTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct ManualClockTests {
    private let clock = ManualClock()

    @Test func `sleepers wake when their time has come, and not before`() async throws {
        let woken = Locked<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    woken.update { $0.append(seconds) }
                }
            }
            for seconds in 1...3 {
                try await clock.waitForSleepers(4 - seconds)
                clock.advance(by: .milliseconds(999))
                #expect(clock.sleeperCount == 4 - seconds)
                clock.advance(by: .milliseconds(1))
                #expect(clock.sleeperCount == 3 - seconds)
                try await group.next()
            }
        }
        #expect(woken.value == [1, 2, 3])
        #expect(clock.now.offset == .seconds(3))
    }

    @Test func `whose time has come already does not sleep`() async throws {
        clock.advance(by: .seconds(1))
        try await clock.sleep(until: clock.now, tolerance: nil)
        try await clock.sleep(for: .seconds(-1))
    }

    @Test func `cancellation ends sleeping and waiting for sleepers, also before they begin`() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    await #expect(throws: CancellationError.self) { try await clock.sleep(for: .seconds(1)) }
                }
                group.addTask {
                    await #expect(throws: CancellationError.self) { try await clock.waitForSleepers(5) }
                }
                group.cancelAll()
            }
        }
        #expect(clock.sleeperCount == 0)
    }
}
