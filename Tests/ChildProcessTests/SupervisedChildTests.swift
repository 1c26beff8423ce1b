import Foundation
import Testing

@testable import ChildProcess

@Suite("Supervised children")
struct SupervisedChildTests {
    @Test("exit codes and signals come back, and output is collected")
    func exits() async throws {
        let child = try await SupervisedChild.start(.shell("echo out; echo err >&2; exit 7"))
        #expect(try await child.exit == .code(7))
        #expect(child.exitIfEnded == .code(7))
        #expect(child.standardOutput.text == "out\n")
        #expect(child.standardError.text == "err\n")
        #expect(try await SupervisedChild.start(.shell("kill -9 $$")).exit == .signal(SIGKILL))
    }

    @Test("a start returns when the program runs, in a process group of its own")
    func running() async throws {
        let child = try await SupervisedChild.start(ChildSpecification(executable: "sleep", arguments: ["1000"]))
        #expect(ProcessTable.name(child.pid) == "sleep")
        #expect(getpgid(child.pid) == child.pid)
        #expect(child.exitIfEnded == nil)
        #expect(await child.terminate(grace: .seconds(60)) == .signal(SIGTERM))
        #expect(child.signal(SIGHUP) == false, "an ended child gets no signal")
        #expect(await child.terminate(grace: .seconds(60)) == .signal(SIGTERM), "ending twice is ending once")
    }

    @Test("a start copies none of this process's memory")
    func sharing() async throws {
        let (pageSize, pages) = (Int(getpagesize()), 4096)
        let memory = try #require(
            mmap(nil, pages * pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        )
        defer { munmap(memory, pages * pageSize) }
        // Huge pages would be few.
        madvise(memory, pages * pageSize, MADV_NOHUGEPAGE)
        // RUSAGE_THREAD, which Glibc's module does not have.
        let ofThread: __rusage_who_t = 1
        /// Writes to each page, and returns the number of faults: after a copy there is one for each.
        func faultsOfWriting() -> Int {
            var (before, after) = (rusage(), rusage())
            getrusage(ofThread, &before)
            for page in 0..<pages { memory.storeBytes(of: 1, toByteOffset: page * pageSize, as: UInt8.self) }
            getrusage(ofThread, &after)
            return after.ru_minflt - before.ru_minflt
        }
        _ = faultsOfWriting()
        var fewest = pages
        // Other tests start children that do get a copy, at any time.
        for _ in 0..<20 where fewest > pages / 2 {
            let child = try await SupervisedChild.start(.shell("exit 0"))
            fewest = min(fewest, faultsOfWriting())
            #expect(try await child.exit == .code(0))
        }
        #expect(fewest < pages / 2)
    }

    @Test("a signal reaches the child alone")
    func signal() async throws {
        let child = try await SupervisedChild.start(.shell("trap 'exit 8' HUP; echo up; while :; do sleep 0.01; done"))
        #expect(try await eventually { child.standardOutput.text == "up\n" })
        #expect(child.signal(SIGHUP))
        #expect(try await child.exit == .code(8))
    }

    @Test("a child that ignores SIGTERM is killed after its grace, with its group")
    func stubborn() async throws {
        let mark = Mark()
        let child = try await SupervisedChild.start(
            .shell("trap '' TERM; sleep 1000 & echo up; while :; do sleep 1000; done", mark: mark)
        )
        #expect(try await eventually { child.standardOutput.text == "up\n" })
        let start = ContinuousClock.now
        #expect(await child.terminate(grace: .milliseconds(200)) == .signal(SIGKILL))
        #expect(ContinuousClock.now - start >= .milliseconds(200))
        #expect(try await mark.allGone())
    }

    @Test("without a grace, SIGKILL comes at once; and a stopped child is ended too")
    func noGrace() async throws {
        let child = try await SupervisedChild.start(.shell("trap '' TERM; echo up; while :; do sleep 1000; done"))
        #expect(await child.terminate(grace: .zero) == .signal(SIGKILL))
        let stopped = try await SupervisedChild.start(.shell("exec sleep 1000"))
        stopped.signal(SIGSTOP)
        #expect(await stopped.terminate(grace: .seconds(60)) == .signal(SIGTERM))
    }

    @Test("terminate works in a cancelled task, and waiting for the exit stops when it is cancelled")
    func cancelled() async throws {
        let child = try await SupervisedChild.start(.shell("sleep 1000"))
        let exit = await withTaskGroup(of: ChildExit.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) { _ = try await child.exit }
                return await child.terminate(grace: .seconds(60))
            }
            group.cancelAll()
            return await group.next()
        }
        #expect(exit == .signal(SIGTERM))
    }

    @Test("the end is told at once while a helper holds the pipes; what is left of the group is killed")
    func helpers() async throws {
        let mark = Mark()
        let start = ContinuousClock.now
        let child = try await SupervisedChild.start(.shell("sleep 1000 & echo done; exit 3", mark: mark))
        #expect(try await child.exit == .code(3))
        #expect(ContinuousClock.now - start < .seconds(500), "half of what the helper sleeps")
        #expect(child.standardOutput.text == "done\n")
        #expect(try await mark.allGone())
    }

    @Test("a start that fails names the program and the step, and leaves no process")
    func failures() async throws {
        let mark = Mark()
        var specification = ChildSpecification(executable: "no-such-program", environment: mark.environment)
        var error = try await #require(throws: ChildProcessError.self) {
            _ = try await SupervisedChild.start(specification)
        }
        #expect(error.code == .executableNotFound)
        #expect(
            error.description.hasPrefix("no-such-program: no executable file of that name in PATH /usr/local/sbin:")
        )

        specification.executable = "/no/such/program"
        error = try await #require(throws: ChildProcessError.self) {
            _ = try await SupervisedChild.start(specification)
        }
        #expect(error.description == "/no/such/program: cannot execute it: No such file or directory (errno 2)")

        specification.executable = "true"
        specification.networkNamespace = "/etc/passwd"
        error = try await #require(throws: ChildProcessError.self) {
            _ = try await SupervisedChild.start(specification)
        }
        #expect(error.description.hasPrefix("true: cannot enter network namespace /etc/passwd"))

        specification.networkNamespace = "/run/netns/cotest-cs-none"
        error = try await #require(throws: ChildProcessError.self) {
            _ = try await SupervisedChild.start(specification)
        }
        #expect(error.description.hasPrefix("true: cannot open network namespace /run/netns/cotest-cs-none"))
        #expect(mark.processes().isEmpty)
    }

    @Test("concurrent starts do not give each other descriptors")
    func noLeaks() async throws {
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        let specification = ChildSpecification.shell("ls /proc/$$/fd; cat >/dev/null", input: .data([1, 2, 3]))
        try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<100 {
                group.addTask {
                    if number.isMultiple(of: 2) {
                        return try await keeper.run(specification, timeout: .seconds(60)).standardOutput.text
                    }
                    let child = try await SupervisedChild.start(specification)
                    _ = try await child.exit
                    return child.standardOutput.text
                }
            }
            var count = 0
            for try await listing in group {
                #expect(listing == "0\n1\n2\n")
                count += 1
            }
            #expect(count == 100)
        }
    }

    @Test("200 starts, failed ones among them, leave the number of open descriptors as it was")
    func descriptors() async throws {
        try await Probe.run(["descriptors"]) { probe, _ in
            #expect(try await probe.exit == .code(0))
            let words = probe.standardOutput.text.split(whereSeparator: \.isWhitespace).map(String.init)
            try #require(words.count == 6)
            #expect(words[1] == words[3])
            #expect(words[5] == "0")
        }
    }
}
