import Foundation
import Testing

@testable import ChildProcess

@Suite("The lease of commands")
struct LeaseTests {
    private func reading(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    @Test(
        "SuspendingClock is CLOCK_MONOTONIC, and ContinuousClock CLOCK_BOOTTIME, with their epochs at the clocks' zeros"
    )
    func clocks() {
        let (before, instant, after) = (reading(CLOCK_MONOTONIC), SuspendingClock.now, reading(CLOCK_MONOTONIC))
        #expect(before <= instant.monotonicNanoseconds && instant.monotonicNanoseconds <= after)
        let (earlier, moment, later) = (reading(CLOCK_BOOTTIME), ContinuousClock.now, reading(CLOCK_BOOTTIME))
        #expect(earlier <= moment.nanosecondsSinceBoot && moment.nanosecondsSinceBoot <= later)
    }

    /// Runs tests of leases as on a machine that was suspended for a day: both clocks differ by as much.
    @Test("a lease ends by the clock that counts the time in suspend, and a timeout by the one that does not")
    func suspended() async throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let unshare = ["--time", "--boottime", "86400", "--fork", "--kill-child", own]
        let tests = ["--testing-library", "swift-testing", "--filter", "LeaseTests/(clocks|ends|extended|timeout)\\("]
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        let result = try await keeper.run(
            ChildSpecification(
                executable: "/usr/bin/unshare",
                arguments: unshare + tests,
                environment: ProcessInfo.processInfo.environment,
                standardOutput: .collect(limit: 65_536, keeping: .tail),
                standardError: .collect(limit: 65_536, keeping: .tail)
            ),
            timeout: .seconds(60)
        )
        #expect(result.cause == .itself && result.exit.isSuccess, "\(result.standardOutput.text)")
        #expect((result.standardOutput.text + result.standardError.text).contains("run with 4 tests"))
    }

    @Test("a timeout ends a command whose lease goes on")
    func timeout() async throws {
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        let result = try await keeper.run(.shell("sleep 1000"), timeout: .milliseconds(300))
        #expect(result.cause == .timeout && result.exit == .signal(SIGTERM))
    }

    @Test("durations beyond 292 years become the longest ones")
    func clamping() {
        #expect(Duration.seconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).clampedNanoseconds == .min)
        #expect(Duration.milliseconds(-1500).clampedNanoseconds == -1_500_000_000)
    }

    @Test("a command whose lease is not extended is killed with all its processes")
    func ends() async throws {
        let mark = Mark()
        let keeper = CommandKeeper(leaseUntil: .now + .milliseconds(500))
        let result = try await keeper.run(
            .shell("trap '' TERM; setsid sleep 1000 & sleep 1000", mark: mark),
            timeout: .seconds(600)
        )
        #expect(result.cause == .lease)
        #expect(result.exit == .signal(SIGKILL))
        #expect(mark.processes().isEmpty)
    }

    @Test("an extended lease lets it go on, and an earlier deadline does not shorten it")
    func extended() async throws {
        try await withTemporaryDirectory { directory in
            let script = "until [ -e \(directory)/go ]; do sleep 0.01; done; echo whole"
            let firstEnd = ContinuousClock.now + .seconds(5)
            let keeper = CommandKeeper(leaseUntil: firstEnd)
            // A thread, because the tasks of a busy test run may wait for longer than this lease. It extends only once
            // the command is admitted, so that the orders go through its socket.
            Thread.detachNewThread {
                while keeper.liveCount == 0 { usleep(1000) }
                keeper.extendAll(until: .now + .seconds(600))
                keeper.extendAll(until: .now + .milliseconds(100))
                while ContinuousClock.now < firstEnd + .milliseconds(100) { usleep(1000) }
                _ = FileManager.default.createFile(atPath: "\(directory)/go", contents: nil)
            }
            let result = try await keeper.run(.shell(script), timeout: .seconds(600))
            #expect(result.cause == .itself)
            #expect(result.standardOutput.text == "whole\n")
        }
    }

    @Test("after the lease nothing is started; extended again, it is")
    func over() async throws {
        let keeper = CommandKeeper(leaseUntil: .now - .milliseconds(1))
        let error = try await #require(throws: ChildProcessError.self) {
            _ = try await keeper.run(.shell("true"), timeout: .seconds(60))
        }
        #expect(error.code == .leaseEnded)
        keeper.extendAll(until: .now + .seconds(60))
        #expect(try await keeper.run(.shell("true"), timeout: .seconds(60)).exit.isSuccess)
    }

    @Test("killAll ends every live command at once, those being started too")
    func killAll() async throws {
        let mark = Mark()
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        try await withThrowingTaskGroup(of: CommandResult.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await keeper.run(
                        .shell("trap '' TERM; sleep 1000 & sleep 1000", mark: mark),
                        timeout: .seconds(600)
                    )
                }
            }
            _ = try await eventually { keeper.liveCount == 20 }
            keeper.killAll()
            var ended = 0
            for try await result in group {
                #expect(result.cause == .killAll)
                ended += 1
            }
            #expect(ended == 20)
        }
        #expect(keeper.liveCount == 0)
        #expect(mark.processes().isEmpty)
    }
}
