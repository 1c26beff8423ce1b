import ClusterOpsTestKit
import Foundation
import Testing

/// What SIGTERM, SIGINT and failures do to a real process.
@Suite(.timeLimit(.minutes(15))) struct DaemonTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `the first signal drains: the last service first, and the exit code is 0`(signal: Int32) async throws {
        let probe = try await running()
        probe.send(signal)
        #expect(await probe.nextOutputLine() == "draining")
        probe.closeInput()
        #expect(await nextLines(3, of: probe) == ["drained", "first service stopped", nil])
        #expect(await probe.ending() == .exited(0))
    }

    @Test(arguments: [(SIGTERM, SIGTERM), (SIGINT, SIGTERM), (SIGTERM, SIGINT)])
    func `the second signal stops at once, in the midst of draining`(first: Int32, second: Int32) async throws {
        let probe = try await running()
        probe.send(first)
        #expect(await probe.nextOutputLine() == "draining")
        probe.send(second)
        #expect(await nextLines(2, of: probe) == ["stopped at once", nil])
        #expect(await probe.ending() == .exited(1))
        // Only now: until here the drain had to wait.
        probe.closeInput()
    }

    @Test func `a service that throws is named with its error, the others drain, the exit code is 1`() async throws {
        let probe = try self.probe("throw")
        let started = await nextLines(3, of: probe)
        #expect(Set(started) == ["first service started", "draining service started", "draining"])
        probe.closeInput()
        #expect(await nextLines(3, of: probe) == ["drained", "first service stopped", nil])
        #expect(await probe.ending() == .exited(1))
        let entry = try #require(await entries(of: probe).first { $0["level"] as? String == "error" })
        #expect(entry["service"] as? String == "EndingService")
        #expect(entry["error"] as? String == "the disk is \"full\"\nor so")
    }

    @Test func `a service that returns unasked has failed`() async throws {
        let probe = try self.probe("return")
        probe.closeInput()
        #expect(await probe.ending() == .exited(1))
        let entry = try #require(await entries(of: probe).first { $0["level"] as? String == "error" })
        #expect(entry["service"] as? String == "EndingService")
    }

    @Test func `SIGHUP reloads, as often as it comes, and ends nothing`() async throws {
        let probe = try await running()
        for _ in 1...2 {
            probe.send(SIGHUP)
            #expect(await probe.nextOutputLine() == "reloaded")
        }
        probe.send(SIGTERM)
        #expect(await probe.nextOutputLine() == "draining")
        // Too late for it: no line of it comes between.
        probe.send(SIGHUP)
        probe.closeInput()
        #expect(await nextLines(3, of: probe) == ["drained", "first service stopped", nil])
        #expect(await probe.ending() == .exited(0))
    }

    @Test func `the log of a life is one JSON object for each change of state`() async throws {
        let probe = try await running()
        probe.send(SIGTERM)
        probe.closeInput()
        #expect(await probe.ending() == .exited(0))
        let entries = try await entries(of: probe)
        #expect(entries.map { $0["message"] as? String } == ["draining; a second signal stops at once", "stopped"])
        #expect(entries.first?["signal"] as? String == "SIGTERM")
        #expect(entries.allSatisfy { $0["label"] as? String == "probe" && $0["level"] as? String == "notice" })
    }

    @Test(arguments: [true, false])
    func `every line has its level in front where stderr is the journal's stream, and nowhere else`(
        isJournal: Bool
    ) async throws {
        // systemd names the stream that it has made as stderr; a process may have been given another one since.
        let stream = "export JOURNAL_STREAM=$(stat --dereference --format=%d:%i /dev/fd/2)\(isJournal ? "" : "0")"
        let script = "\(stream); exec \"$0\" return"
        let probe = try ChildProcess("/bin/sh", ["-c", script, BuiltProduct.path("daemon-probe")])
        probe.closeInput()
        #expect(await probe.ending() == .exited(1))
        var levels: Set<Substring> = []
        while let line = await probe.nextErrorLine() {
            let (prefix, rest) = (line.prefix { $0 != "{" }, line.drop { $0 != "{" })
            let entry = try JSONSerialization.jsonObject(with: Data(rest.utf8)) as? [String: Any]
            #expect(prefix == (isJournal ? (entry?["level"] as? String == "error" ? "<3>" : "<5>") : ""))
            levels.insert(prefix)
        }
        #expect(levels == (isJournal ? ["<3>", "<5>"] : [""]))
    }

    private func probe(_ behaviour: String) throws -> ChildProcess {
        try ChildProcess(BuiltProduct.path("daemon-probe"), [behaviour])
    }

    /// A probe whose services have started.
    private func running() async throws -> ChildProcess {
        let probe = try self.probe("drain")
        let started = await nextLines(2, of: probe)
        #expect(Set(started) == ["first service started", "draining service started"])
        return probe
    }

    private func nextLines(_ count: Int, of probe: ChildProcess) async -> [String?] {
        var lines: [String?] = []
        for _ in 0..<count { lines.append(await probe.nextOutputLine()) }
        return lines
    }

    /// What remains of the log.
    private func entries(of probe: ChildProcess) async throws -> [[String: Any]] {
        var entries: [[String: Any]] = []
        while let line = await probe.nextErrorLine() {
            entries.append(try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]))
        }
        return entries
    }
}
