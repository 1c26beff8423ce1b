import ClusterOpsTestKit
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct DoorbellTests {
    private let timers = ManualTimers()

    @Test func `a ring wakes a waiter`() async throws {
        let doorbell = Doorbell(timers: timers)
        async let wake = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(1)
        doorbell.ring()
        #expect(await wake == .rung)
        #expect(timers.count == 0, "its timer is called off")
    }

    @Test func `a ring that nobody waits for is remembered exactly once`() async throws {
        let doorbell = Doorbell(timers: timers)
        doorbell.ring()
        doorbell.ring()
        #expect(await doorbell.wait(upTo: .seconds(1)) == .rung)
        async let second = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(1)
        timers.advance(by: .seconds(1))
        #expect(await second == .timedOut)
    }

    @Test func `a process that rings for itself wakes its waiter, and is no call`() async throws {
        let doorbell = Doorbell(timers: timers)
        async let wake = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(1)
        doorbell.nudge()
        #expect(await wake == .rung)
        #expect(!doorbell.takeCall())
        doorbell.ring()
        doorbell.nudge()
        #expect(doorbell.takeCall() && !doorbell.takeCall())
    }

    @Test func `a ring that woke somebody is not remembered`() async throws {
        let doorbell = Doorbell(timers: timers)
        async let first = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(1)
        doorbell.ring()
        #expect(await first == .rung)
        async let second = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(1)
        timers.advance(by: .seconds(1))
        #expect(await second == .timedOut)
    }

    @Test func `without a ring the wait ends when its time is over, not before`() async throws {
        let doorbell = Doorbell(timers: timers)
        async let wake = doorbell.wait(upTo: .seconds(2))
        try await timers.waitForCount(1)
        timers.advance(by: .milliseconds(1999))
        #expect(timers.count == 1)
        timers.advance(by: .milliseconds(1))
        #expect(await wake == .timedOut)
    }

    @Test func `one ring wakes everyone who waits`() async throws {
        let doorbell = Doorbell(timers: timers)
        async let first = doorbell.wait(upTo: .seconds(1))
        async let second = doorbell.wait(upTo: .seconds(1))
        try await timers.waitForCount(2)
        doorbell.ring()
        #expect(await (first, second) == (.rung, .rung))
    }

    @Test func `no ring is lost between waits, whatever the threads do`() async throws {
        let doorbell = Doorbell(timers: timers)
        let rings = 2000
        let seen = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Each ring comes after the one before was seen, so none may fold into another.
                for ring in 1...rings {
                    doorbell.ring()
                    while seen.value < ring && !Task.isCancelled { await Task.yield() }
                }
            }
            for _ in 0..<rings where await doorbell.wait(upTo: .seconds(1)) == .rung { seen.update { $0 += 1 } }
        }
        #expect(seen.value == rings)
    }

    @Test func `cancellation ends a wait at once and leaves a ring for the next`() async throws {
        let doorbell = Doorbell(timers: timers)
        await withTaskGroup(of: Doorbell.Wake.self) { group in
            group.addTask { await doorbell.wait(upTo: .seconds(1)) }
            try? await timers.waitForCount(1)
            group.cancelAll()
            #expect(await group.next() == .shutDown)
            doorbell.ring()
            group.addTask { await doorbell.wait(upTo: .seconds(1)) }
            #expect(await group.next() == .shutDown)
        }
        #expect(await doorbell.wait(upTo: .seconds(1)) == .rung)
    }

    @Test func `graceful shutdown ends a wait at once, and every later one`() async throws {
        let doorbell = Doorbell(timers: timers)
        let wakes = Locked<[Doorbell.Wake]>([])
        let worker = ClosureService {
            for _ in 0..<2 {
                let wake = await doorbell.wait(upTo: .seconds(1))
                wakes.update { $0.append(wake) }
            }
        }
        let group = ServiceGroup(services: [worker], logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await timers.waitForCount(1)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(wakes.value == [.shutDown, .shutDown])
    }
}

/// A service made of one closure.
private struct ClosureService: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await body()
    }
}

/// Timers that a test lets go off.
private final class ManualTimers: Timers {
    private struct State {
        var now = Duration.zero
        var lastNumber: UInt64 = 0
        var timers: [UInt64: (due: Duration, wake: @Sendable () -> Void)] = [:]
    }

    private let state = Mutex(State())

    func set(after pause: Duration, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.lastNumber += 1
            state.timers[state.lastNumber] = (state.now + pause, wake)
            return state.lastNumber
        }
    }

    func callOff(_ number: UInt64) { state.withLock { $0.timers[number] = nil } }

    var count: Int { state.withLock { $0.timers.count } }

    func waitForCount(_ wanted: Int) async throws {
        try await eventually("\(wanted) timers are set") { count >= wanted }
    }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.timers.filter { $0.value.due <= state.now }
            for number in due.keys { state.timers[number] = nil }
            return due.values.map(\.wake)
        }
        for wake in due { wake() }
    }
}
