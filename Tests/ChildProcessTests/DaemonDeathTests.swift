import Foundation
import Testing

@testable import ChildProcess

/// A hundred real daemons, killed by a real SIGKILL.
///
/// Serialised, because each test measures its own processes.
@Suite("The daemon dies or is stopped", .serialized)
struct DaemonDeathTests {
    /// A command with a child in its group, one in its own session, and a double-forked one in yet another.
    private func family(_ directory: String) -> [String] {
        let script = """
            touch \(directory)/started
            trap '' TERM
            sleep 1000 &
            setsid sh -c 'sleep 1000 & sleep 1000' &
            (setsid sh -c 'sleep 1000; true' &)
            wait
            """
        return ["--", "sh", "-c", script]
    }

    private func isComplete(_ mark: Mark) -> Bool {
        mark.processes().count { ProcessTable.name($0) == "sleep" } == 4
    }

    @Test("kill -9 of the daemon ends the command with all grandchildren, 100 of 100")
    func killed() async throws {
        var gone = 0
        for _ in 0..<100 {
            try await withTemporaryDirectory { directory in
                try await Probe.run(["kept"] + family(directory)) { probe, mark in
                    #expect(try await eventually { isComplete(mark) }, "\(mark.processes().map(ProcessTable.name))")
                    #expect(probe.signal(SIGKILL))
                    #expect(try await probe.exit == .signal(SIGKILL))
                    if try await mark.allGone() { gone += 1 }
                }
            }
        }
        #expect(gone == 100)
    }

    @Test("so does a kill -9 within 5 ms of the start, 100 of 100")
    func killedEarly() async throws {
        var gone = 0
        var started = 0
        for turn in 0..<100 {
            try await withTemporaryDirectory { directory in
                try await Probe.run(["kept", "--die-after-us", "\(turn * 50)"] + family(directory)) { probe, mark in
                    #expect(try await probe.exit == .signal(SIGKILL))
                    if try await mark.allGone() { gone += 1 }
                }
                if FileManager.default.fileExists(atPath: "\(directory)/started") { started += 1 }
            }
        }
        #expect(gone == 100)
        // Else the test would only show that what was never started does not live.
        #expect(started > 0, "\(started) of 100 commands had begun when their daemon died")
        print("daemon killed within 5 ms: \(gone) of 100 gone, \(started) had begun")
    }

    @Test("a daemon that is stopped for longer than its lease loses its command, and hears of it afterwards")
    func stopped() async throws {
        try await withTemporaryDirectory { directory in
            let options = ["kept", "--lease-ms", "1000", "--renew-ms", "100"]
            try await Probe.run(options + family(directory)) { probe, mark in
                #expect(try await eventually { isComplete(mark) })
                // Longer than the lease: it is the renewals that keep it alive.
                try await Task.sleep(for: .seconds(2))
                #expect(isComplete(mark))

                let start = ContinuousClock.now
                probe.signal(SIGSTOP)
                #expect(try await eventually { mark.processes() == [probe.pid] })
                let took = ContinuousClock.now - start
                #expect(ProcessTable.state(probe.pid) == "T", "the daemon still is stopped")
                #expect(took > .milliseconds(500) && took < .seconds(5))
                print("daemon stopped, lease 1 s: command gone after \(took)")

                probe.signal(SIGCONT)
                #expect(try await probe.exit == .code(0))
                #expect(probe.standardOutput.text.hasSuffix("ended signal 9 cause lease\n"))
            }
        }
    }

    @Test("a signal to the daemon's process group does not reach keeper and command")
    func groupSignal() async throws {
        try await withTemporaryDirectory { directory in
            let mark = Mark()
            let script = "touch \(directory)/ready; while [ ! -e \(directory)/go ]; do sleep 0.01; done; echo whole"
            let trap = "trap '' INT QUIT HUP TERM; exec \"$@\""
            // The probe ignores these signals (as an ignored disposition survives exec); whoever else gets one dies.
            let probe = try await SupervisedChild.start(
                ChildSpecification(
                    executable: "sh",
                    arguments: ["-c", trap, "sh", Probe.path, "kept", "--", "sh", "-c", script],
                    environment: mark.environment,
                    standardOutput: .collect(limit: 1000, keeping: .head)
                )
            )
            #expect(try await eventually { FileManager.default.fileExists(atPath: "\(directory)/ready") })
            for number in [SIGINT, SIGQUIT, SIGHUP, SIGTERM] { kill(-probe.pid, number) }
            _ = FileManager.default.createFile(atPath: "\(directory)/go", contents: nil)
            #expect(try await probe.exit == .code(0))
            #expect(probe.standardOutput.text == "whole\nended exit code 0 cause itself\n")
        }
    }

    @Test("a supervised child dies with its daemon; what it forked does not, which is what keepers are for")
    func supervised() async throws {
        try await Probe.run(["direct", "--", "sh", "-c", "sleep 1000 & exec sleep 1001"]) { probe, mark in
            let ready = try await eventually {
                probe.standardOutput.text.hasSuffix("\n")
                    && mark.processes().count { ProcessTable.name($0) == "sleep" } == 2
            }
            #expect(ready)
            let word = probe.standardOutput.text.split(whereSeparator: \.isWhitespace).last
            let child = try #require(word.flatMap { pid_t($0) })
            probe.signal(SIGKILL)
            #expect(try await probe.exit == .signal(SIGKILL))
            #expect(try await eventually { !ProcessTable.lives(child) })
            // Also the proof that this way of looking finds primaries.
            #expect(mark.processes().count == 1)
        }
    }

    @Test(
        "in a process namespace of its own, all that it forked dies with it and with its daemon, 100 of 100",
        .enabled(if: getuid() == 0, "process namespaces need root")
    )
    func supervisedWithNamespace() async throws {
        var gone = 0
        for turn in 0..<100 {
            try await withTemporaryDirectory { directory in
                let arguments = ["direct", "--process-namespace"] + family(directory)
                try await Probe.run(arguments) { probe, mark in
                    let isReady = try await eventually {
                        isComplete(mark) && probe.standardOutput.text.hasSuffix("\n")
                    }
                    #expect(isReady)
                    if turn.isMultiple(of: 2) {
                        probe.signal(SIGKILL)
                        #expect(try await probe.exit == .signal(SIGKILL))
                        if try await mark.allGone() { gone += 1 }
                    } else {
                        let text = probe.standardOutput.text
                        let child = try #require(text.split(whereSeparator: \.isWhitespace).last.flatMap { pid_t($0) })
                        kill(child, SIGKILL)
                        #expect(try await probe.exit == .code(0))
                        if mark.processes().isEmpty { gone += 1 }
                    }
                }
            }
        }
        #expect(gone == 100)
    }

    @Test(
        "so does one that is just being started there, 100 of 100 within 5 ms",
        .enabled(if: getuid() == 0, "process namespaces need root")
    )
    func supervisedWithNamespaceEarly() async throws {
        var (gone, begun) = (0, 0)
        for turn in 0..<100 {
            let options = ["--process-namespace", "--die-after-us", "\(turn * 50)"]
            try await Probe.run(["direct"] + options + ["--", "sh", "-c", "sleep 1000 & sleep 1001"]) { probe, mark in
                #expect(try await probe.exit == .signal(SIGKILL))
                if probe.standardOutput.text.hasPrefix("pid ") { begun += 1 }
                if try await mark.allGone() { gone += 1 }
            }
        }
        #expect(gone == 100)
        #expect(begun > 0, "\(begun) of 100 had begun when their daemon died")
        print("daemon killed within 5 ms of a start in a process namespace: \(gone) of 100 gone, \(begun) had begun")
    }
}
