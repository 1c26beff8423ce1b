import Testing

@testable import ClusterEngine

@Suite(.timeLimit(.minutes(15))) struct AlarmClockTests {
    private let alarms = Alarms()

    @Test func `a sleeper wakes when its time has come, not before`() async throws {
        let due = ContinuousClock.now + .milliseconds(30)
        #expect(await Wakeup().wait(until: due, alarms: alarms) == .due)
        #expect(ContinuousClock.now >= due)
        #expect(alarms.count == 0)
        #expect(await Wakeup().wait(until: .now - .seconds(1), alarms: alarms) == .due)
        try await AlarmClock().sleep(for: .milliseconds(1))
    }

    @Test func `the first alarm goes off first, whichever was set first`() async {
        await withTaskGroup(of: Wakeup.Reason.self) { group in
            for seconds in [3600, 60, 600] {
                group.addTask { await Wakeup().wait(until: .now + .seconds(seconds), alarms: alarms) }
            }
            while alarms.count < 3 { await Task.yield() }
            #expect(await Wakeup().wait(until: .now + .milliseconds(30), alarms: alarms) == .due)
            #expect(alarms.count == 3)
            group.cancelAll()
            for await reason in group { #expect(reason == .cancelled) }
        }
    }

    @Test func `a call wakes who sleeps and who comes later, a nudge wakes once`() async {
        let (called, nudged) = (Wakeup(), Wakeup())
        await withDiscardingTaskGroup { group in
            group.addTask { #expect(await called.wait(until: .now + .seconds(60), alarms: alarms) == .called) }
            group.addTask { #expect(await nudged.wait(until: .now + .seconds(3600), alarms: alarms) == .due) }
            while alarms.count < 2 { await Task.yield() }
            called.call()
            nudged.nudge()
        }
        // Should they not be woken by what they are here for, their time ends it.
        #expect(await called.wait(until: .now + .seconds(2), alarms: alarms) == .called)
        #expect(await nudged.wait(until: .now + .milliseconds(10), alarms: alarms) == .due)
    }

    @Test func `one that is cancelled wakes at once and says so`() async throws {
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { try await AlarmClock().sleep(for: .seconds(10)) }
                try await group.waitForAll()
            }
        }
    }

    @Test func `those that were called off take no memory until their time would have come`() async {
        await withDiscardingTaskGroup { group in
            // One that stays, so that there always is an alarm.
            group.addTask { _ = await Wakeup().wait(until: .now + .seconds(3600), alarms: alarms) }
            for _ in 0..<20 {
                await withDiscardingTaskGroup { shortLived in
                    for _ in 0..<500 {
                        shortLived.addTask { _ = await Wakeup().wait(until: .now + .seconds(600), alarms: alarms) }
                    }
                    shortLived.cancelAll()
                }
                #expect(alarms.count <= Alarms.mostCalledOff + 2)
            }
            group.cancelAll()
        }
    }
}
