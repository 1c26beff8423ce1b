import ClusterEngine
import ClusterOpsTestKit
import Logging
import ServiceLifecycle
import Testing

@Suite(.timeLimit(.minutes(15))) struct PauseTests {
    private let clock = ManualClock()

    @Test func `a pause lasts as long as it was asked to`() async throws {
        async let end = pause(for: .seconds(2), clock: clock)
        try await clock.waitForSleepers(1)
        clock.advance(by: .milliseconds(1999))
        #expect(clock.sleeperCount == 1)
        clock.advance(by: .milliseconds(1))
        #expect(await end == .elapsed)
    }

    @Test func `graceful shutdown cuts a pause short, and every later one`() async throws {
        let ends = Locked<[Pause]>([])
        let service = PausingService(clock: clock, ends: ends)
        let group = ServiceGroup(services: [service], logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await clock.waitForSleepers(1)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(ends.value == [.cutShort, .cutShort])
        #expect(clock.sleeperCount == 0)
    }

    @Test func `cancellation cuts a pause short, and every later one`() async throws {
        let clock = clock
        await withTaskGroup(of: Pause.self) { group in
            group.addTask { await pause(for: .seconds(1), clock: clock) }
            try? await clock.waitForSleepers(1)
            group.cancelAll()
            #expect(await group.next() == .cutShort)
            group.addTask { await pause(for: .zero, clock: clock) }
            #expect(await group.next() == .cutShort)
        }
    }
}

private struct PausingService: Service {
    let clock: ManualClock
    let ends: Locked<[Pause]>

    func run() async throws {
        let first = await pause(for: .seconds(1), clock: clock)
        ends.update { $0.append(first) }
        let second = await pause(for: .zero, clock: clock)
        ends.update { $0.append(second) }
    }
}
