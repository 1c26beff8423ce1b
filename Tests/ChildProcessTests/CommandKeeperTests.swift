import Foundation
import Testing

@testable import ChildProcess

@Suite("Commands behind a keeper")
struct CommandKeeperTests {
    private let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))

    private func run(
        _ specification: ChildSpecification,
        timeout: Duration = .seconds(120),
        grace: Duration = .seconds(60)
    ) async throws -> CommandResult {
        try await keeper.run(specification, timeout: timeout, grace: grace)
    }

    @Test("the exit code comes back", arguments: [0, 1, 75, 255])
    func exitCode(code: Int32) async throws {
        let result = try await run(.shell("exit \(code)"))
        #expect(result.exit == .code(code))
        #expect(result.cause == .itself)
        #expect(!result.leftDescendants)
    }

    @Test("death by a signal comes back as that signal", arguments: [SIGTERM, SIGSEGV, SIGKILL])
    func signal(number: Int32) async throws {
        #expect(try await run(.shell("kill -\(number) $$")).exit == .signal(number))
    }

    @Test("output and standard error are kept apart, and input arrives")
    func streams() async throws {
        let result = try await run(.shell("cat; echo oops >&2", input: .data(Array("hello".utf8))))
        #expect(result.standardOutput.text == "hello")
        #expect(result.standardError.text == "oops\n")
    }

    @Test("the child has exactly the environment, directory and descriptors it was given")
    func surroundings() async throws {
        var specification = ChildSpecification.shell("env | sort; pwd; ls /proc/$$/fd")
        specification.environment = ["PATH": "/usr/bin:/bin", "A": "1"]
        specification.workingDirectory = "/usr"
        let lines = try await run(specification).standardOutput.text.split(separator: "\n").map(String.init)
        let environment = lines.prefix { $0 != "/usr" }
        #expect(environment.filter { !$0.hasPrefix("_=") } == ["A=1", "PATH=/usr/bin:/bin", "PWD=/usr"])
        #expect(lines.dropFirst(environment.count + 1) == ["0", "1", "2"])
    }

    @Test("no signal is blocked or ignored in the child")
    func signals() async throws {
        // Not in a shell: dash blocks signals for a moment whenever it starts a program.
        let result = try await run(
            ChildSpecification(
                executable: "grep",
                arguments: ["-E", "Sig(Blk|Ign)", "/proc/self/status"],
                standardOutput: .collect(limit: 1000, keeping: .head)
            )
        )
        #expect(result.standardOutput.text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
    }

    @Test("a mebibyte of input comes through a child that sends it back")
    func largeInput() async throws {
        let data = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let result = try await run(.shell("cat", input: .data(data), limit: 2_000_000))
        #expect(result.standardOutput.bytes == data)
    }

    /// What is fed by the parent is cut short when that is killed, and the child takes half of it for all.
    @Test("all input is there before the child is, and nobody changes it")
    func inputIsThereAtTheStart() async throws {
        let data = [UInt8](repeating: 0x61, count: 1_048_576)
        let script = "stat -L -c %s /dev/stdin; { echo x >/proc/self/fd/0; } 2>/dev/null || echo sealed"
        let result = try await run(.shell(script, input: .data(data)))
        #expect(result.standardOutput.text == "1048576\nsealed\n")
    }

    @Test("a child that ignores a mebibyte of input neither blocks us nor kills us by SIGPIPE")
    func ignoredInput() async throws {
        let data = [UInt8](repeating: 1, count: 1_048_576)
        #expect(try await run(.shell("exit 3", input: .data(data))).exit == .code(3))
        #expect(try await run(.shell("exec <&-; exit 4", input: .data(data))).exit == .code(4))
    }

    @Test("output over the limit is drained, cut and flagged; of standard error the tail is kept")
    func limits() async throws {
        let script = "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; echo last >&2"
        let result = try await run(.shell(script, limit: 1000))
        #expect(result.exit.isSuccess)
        #expect(result.standardOutput == CollectedOutput(bytes: [UInt8](repeating: 0, count: 1000), total: 1_000_000))
        #expect(result.standardOutput.isTruncated)
        #expect(result.standardError.bytes.count == 1000)
        #expect(result.standardError.bytes.suffix(5) == Array("last\n".utf8)[...])
        #expect(result.standardError.total == 1_000_005)
    }

    @Test("a timeout ends a command that heeds SIGTERM within its grace")
    func timeoutHeeded() async throws {
        let script = "trap 'echo bye; exit 9' TERM; while :; do sleep 1000 & wait $!; done"
        let result = try await run(.shell(script), timeout: .seconds(3))
        #expect(result.timedOut)
        #expect(result.exit == .code(9))
        #expect(result.standardOutput.text == "bye\n")
    }

    @Test("a timeout kills a command that ignores SIGTERM, its grandchildren, and the one that did setsid")
    func timeoutIgnored() async throws {
        let mark = Mark()
        let script = """
            trap '' TERM
            setsid sh -c 'trap "" TERM; echo $$; exec sleep 1000' &
            (sh -c 'echo $$; exec sleep 1000' & wait) &
            (setsid sh -c 'echo $$; (sleep 1000 &) ; exec sleep 1000' &)
            while :; do sleep 1000; done
            """
        let start = ContinuousClock.now
        let result = try await run(
            .shell(script, mark: mark),
            timeout: .seconds(3),
            grace: .milliseconds(200)
        )
        #expect(result.timedOut)
        #expect(result.exit == .signal(SIGKILL))
        #expect(ContinuousClock.now - start >= .milliseconds(3200))
        #expect(result.standardOutput.text.split(separator: "\n").count == 3, "all three grandchildren had started")
        #expect(!result.leftDescendants)
        #expect(mark.processes().isEmpty, "gone when run returns, not later")
    }

    @Test("the result does not wait for a background grandchild that holds the pipes, and the grandchild is killed")
    func pipesHeldOpen() async throws {
        let mark = Mark()
        let start = ContinuousClock.now
        let result = try await run(.shell("(setsid sleep 1000 &); echo done; exit 5", mark: mark))
        #expect(result.exit == .code(5))
        #expect(result.cause == .itself)
        #expect(result.standardOutput.text == "done\n")
        #expect(ContinuousClock.now - start < .seconds(500), "half of what the grandchild sleeps")
        #expect(mark.processes().isEmpty)
    }

    @Test("orphans of a running command are reaped while it runs")
    func orphans() async throws {
        // Each pair of brackets orphans a process, which ends at once; the keeper is the shell's parent.
        let script = """
            for i in 1 2 3 4 5 6 7 8 9 10; do (true &) ; done
            zombies() { for p in $(cat /proc/$PPID/task/$PPID/children); do grep -l '^State:.Z' /proc/$p/status; done; }
            n=0; while [ -n "$(zombies)" ] && [ $n -lt 1000 ]; do n=$((n + 1)); done
            zombies | wc -l
            """
        #expect(try await run(.shell(script)).standardOutput.text == "0\n")
    }

    @Test("cancelling the task terminates the command and gives back what it said")
    func cancellation() async throws {
        let mark = Mark()
        let script = "trap 'echo stopped; exit 0' TERM; echo started; while :; do sleep 1000 & wait $!; done"
        let result = try await withThrowingTaskGroup(of: CommandResult?.self) { group in
            group.addTask { try await run(.shell(script, mark: mark)) }
            group.addTask {
                // Two marked processes: the shell, and its sleep; so the trap is set.
                _ = try await eventually { mark.processes().count { ProcessTable.name($0) == "sleep" } == 1 }
                return nil
            }
            _ = try await group.next()
            group.cancelAll()
            return try #require(try await group.next() ?? nil)
        }
        #expect(result.cause == .cancellation)
        #expect(result.exit == .code(0))
        #expect(result.standardOutput.text == "started\nstopped\n")
        #expect(mark.processes().isEmpty)
    }

    @Test("a cancellation kills what ignores SIGTERM after the grace")
    func stubbornCancellation() async throws {
        let mark = Mark()
        let result = try await withThrowingTaskGroup(of: CommandResult?.self) { group in
            group.addTask {
                try await run(
                    .shell("trap '' TERM; sleep 1000 & wait", mark: mark),
                    grace: .milliseconds(100)
                )
            }
            group.addTask {
                _ = try await eventually { mark.processes().count { ProcessTable.name($0) == "sleep" } == 1 }
                return nil
            }
            _ = try await group.next()
            group.cancelAll()
            return try #require(try await group.next() ?? nil)
        }
        #expect(result.cause == .cancellation)
        #expect(result.exit == .signal(SIGKILL))
        #expect(mark.processes().isEmpty)
    }

    @Test("a missing program, by name or by path, is an error that names it; so is a file that is no program")
    func missing() async throws {
        for (name, code) in [
            ("no-such-program", ChildProcessError.Code.executableNotFound), ("/no/such/program", .startFailed),
            ("/etc/passwd", .startFailed),
        ] {
            let error = try await #require(throws: ChildProcessError.self) {
                _ = try await run(ChildSpecification(executable: name, standardInput: .data([1])))
            }
            #expect(error.code == code)
            #expect(error.executable == name)
            #expect(error.description.hasPrefix("\(name): "))
        }
        #expect(keeper.liveCount == 0)
    }

    @Test("a directory that is missing, and bytes that C strings cannot carry, are errors that say so")
    func refused() async throws {
        var specification = ChildSpecification.shell("true")
        specification.workingDirectory = "/no/such/directory"
        let error = try await #require(throws: ChildProcessError.self) { _ = try await run(specification) }
        #expect(
            error.description
                == "sh: cannot enter its working directory /no/such/directory: No such file or directory (errno 2)"
        )
        for wrong in [
            ChildSpecification(executable: "sh", arguments: ["a\0b"]),
            ChildSpecification(executable: "sh", environment: ["A=B": "1"]),
        ] {
            let error = try await #require(throws: ChildProcessError.self) { _ = try await run(wrong) }
            #expect(error.code == .invalidSpecification)
        }
    }

    @Test("a keeper that is killed takes its command with it, and the run says that it lost it")
    func keeperKilled() async throws {
        let mark = Mark()
        let error = try await #require(throws: ChildProcessError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await run(.shell("exec sleep 1000", mark: mark)) }
                group.addTask {
                    _ = try await eventually { mark.processes().contains { ProcessTable.name($0) == "sleep" } }
                    let command = try #require(mark.processes().first)
                    let keeper = try #require(ProcessTable.status(command, "PPid").flatMap { pid_t($0) })
                    #expect(ProcessTable.name(keeper) == "co-keeper")
                    kill(keeper, SIGKILL)
                }
                try await group.waitForAll()
            }
        }
        #expect(error.code == .keeperLost)
        #expect(try await mark.allGone())
    }
}
