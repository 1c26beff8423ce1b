import ChildProcess
import Foundation
import Testing

@Suite struct ProcessUsageTests {
    @Test func `this process uses memory and time, and what is gone or a zombie uses none`() throws {
        let usage = try #require(ProcessUsage(of: getpid()))
        #expect(usage.memoryBytes > 1 << 20)
        #expect(ProcessUsage(of: Int32.max) == nil)
    }

    @Test func `what a command uses is that of all its descendants`() async throws {
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        let script = "sleep 100 & (sleep 100 & exec sleep 100) & while [ ! -e \"$0\" ]; do sleep 0.01; done; kill 0"
        let stop = FileManager.default.temporaryDirectory.appending(path: "usage-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: stop) }
        let (pids, found) = AsyncStream<Int32>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await keeper.run(
                    ChildSpecification(executable: "/bin/bash", arguments: ["-c", script, stop]),
                    timeout: .seconds(60),
                    started: { found.yield($0.keeperPID) }
                )
            }
            var iterator = pids.makeAsyncIterator()
            let guardian = try #require(await iterator.next())
            // The shell has started two, and one of them a third.
            var command: Int32?
            while command.map({ ProcessUsage.children(of: $0).count >= 2 }) != true {
                try Task.checkCancellation()
                command = ProcessUsage.children(of: guardian).first
                await Task.yield()
            }
            let shell = try #require(command)
            let whole = try #require(ProcessUsage(of: shell))
            let own = try String(contentsOfFile: "/proc/\(shell)/statm", encoding: .utf8).split(separator: " ")
            let pages = try #require(UInt64(own[1]))
            #expect(whole.memoryBytes > pages * UInt64(sysconf(Int32(_SC_PAGESIZE))))
            try "".write(toFile: stop, atomically: true, encoding: .utf8)
            try await group.waitForAll()
        }
    }
}
