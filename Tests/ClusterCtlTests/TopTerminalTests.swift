import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

/// `top` on a pseudo-terminal: what it shows, and that it gives the terminal back however it ends.
@Suite(.timeLimit(.minutes(15))) struct TopTerminalTests {
    /// Digits that are times become zeros, so that the rest can be compared.
    private func masked(_ text: String) -> String {
        text.replacing(/20\d\d-\d\d-\d\d \d\d:\d\d:\d\d/, with: "2026-03-01 12:00:00")
            .replacing(/(leader hv1, term 7).*/) { "\($0.output.1)  clusterops at db1:3306" }
            .replacing(/[ ]+\d+(\.\d+)?(ms|s|m)(?= |$)/.anchorsMatchLineEndings()) { match in
                String(repeating: " ", count: match.output.0.count - 2) + "0s"
            }
    }

    private func expectGivenBack(_ terminal: PseudoTerminal, modes: [UInt32]) async throws {
        try await terminal.until("the terminal is given back") { $0.modes == [25, 7] }
        #expect(terminal.modes == modes && terminal.screen.unknown == [])
    }

    @Test func `the screen of a real cluster is as people are used to see it, and follows what happens`() async throws {
        try await withCluster { cluster in
            for name in ["hv1", "hv2"] { try await cluster.addNode(name) }
            try await cluster.addSession(on: "hv1", leaseSeconds: 600)
            try await cluster.elect("hv1", term: 7)
            let ids = try (1...2).map { try OperationID("0190163d-8694-739b-aea5-966c26f8ad0\($0)") }
            for id in ids {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name], id: id))
            }
            var worker = try cluster.worker("hv1")
            let failed = try await worker.claim(1)
            let failure = OperationFailure(code: "boom", message: "it said no")
            try await cluster.execute("UPDATE work_queue SET max_attempts = 1")
            try await worker.settle(failed, .failed(failure))
            _ = try await worker.claim(1)
            let terminal = try cluster.top()
            try await terminal.until("a page") { $0.text.contains("? help") }
            let text = """
                2026-03-01 12:00:00 UTC  leader hv1, term 7  clusterops at db1:3306
                nodes 1/2 live, 0 draining   netnodes 0/0   queueworkers 0/2   pauses 0
                networks 0/0 converged, 0 problems   processes 0/0 running, 0 unhealthy

                ! no live queueworker on hv1 hv2
                LANE                 QUEUED DELAYED BLOCKED RUNNING OLDEST ENDED/S    P50    P99
                user_waiting              0       0       0       0      -       0      -      -
                user_facing               0       0       0       1      -     0.1     0s     0s
                user_facing_high_io       0       0       0       0      -       0      -      -
                background                0       0       0       0      -       0      -      -
                background_high_io        0       0       0       0      -       0      -      -
                RUNNING 1                                  FOR  NODE         TASKS
                > 0190163d-8694-739b-aea5-966c26f8ad02      0s  hv1          noop
                FAILED 1                                   AGO  TASKS: ERROR
                  0190163d-8694-739b-aea5-966c26f8ad01      0s  noop: it said no
                NODES 2                                   SEEN  STATE          PROCESSES RUNNING
                  hv2                                    never  silent                 0       0
                  hv1                                       0s  no queueworker         1       0





                ? help  q quit  enter detail  r retry  c cancel  s sort  / filter  l lane
                """
            #expect(masked(terminal.screen.text) == text + "\n", "\n\(masked(terminal.screen.text))")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 41)
            try await terminal.until("what was enqueued") { $0.text.contains(/user_facing[ ]+41[ ]/) }
            terminal.type("\t")
            try await terminal.until("a part alone") { !$0.text.contains("NODES") && $0.text.contains("RUNNING 1") }
            terminal.type("/nothing\r")
            try await terminal.until("the filter") { $0.text.contains("RUNNING 0") }
            terminal.type("\u{1b}")
            try await terminal.until("all") { $0.text.contains("NODES 2") }
            terminal.resize(columns: 120, rows: 30)
            try await terminal.until("the other size") { $0.text.contains("MAX") && $0.text.contains("? help") }
            #expect(
                terminal.screen.text.split(separator: "\n", omittingEmptySubsequences: false)[29].contains("q quit")
            )
            terminal.type("q")
            #expect(try await terminal.end() == 0)
        }
    }

    @Test func `the terminal is given back at q, at ctrl-C and at signals, each with its exit code`() async throws {
        try await withCluster { cluster in
            let ends: [(sentence: String, act: @Sendable (PseudoTerminal) -> Void, status: Int32)] = [
                ("q", { $0.type("q") }, 0),
                ("ctrl-C", { $0.type("\u{3}") }, 130),
                ("SIGINT", { kill($0.pid, SIGINT) }, 130),
                ("SIGTERM", { kill($0.pid, SIGTERM) }, -SIGTERM),
                ("SIGHUP", { kill($0.pid, SIGHUP) }, -SIGHUP),
                ("SIGQUIT", { kill($0.pid, SIGQUIT) }, -SIGQUIT),
            ]
            for end in ends {
                let terminal = try cluster.top()
                // Before the program has touched it, or at the latest before it has drawn.
                let modes = terminal.modes
                try await terminal.until("a page") { $0.text.contains("? help") }
                #expect(terminal.screen.modes.contains(1049) && !terminal.screen.modes.contains(25), "\(end.sentence)")
                #expect(terminal.modes != modes, "\(end.sentence)")
                end.act(terminal)
                #expect(try await terminal.end() == end.status, "\(end.sentence)")
                try await expectGivenBack(terminal, modes: modes)
            }
        }
    }

    @Test func `a terminal that hangs up ends it`() async throws {
        try await withCluster { cluster in
            let terminal = try cluster.top(reads: false)
            terminal.hangUp()
            #expect(try await terminal.end() == -SIGHUP)
        }
    }

    @Test func `a stop gives the terminal back, and going on draws it all again`() async throws {
        try await withCluster { cluster in
            let terminal = try cluster.top()
            let modes = terminal.modes
            try await terminal.until("a page") { $0.text.contains("? help") }
            kill(terminal.pid, SIGTSTP)
            try await expectGivenBack(terminal, modes: modes)
            kill(terminal.pid, SIGCONT)
            try await terminal.until("the other screen") { $0.modes.contains(1049) }
            try await terminal.until("a page again") { $0.text.contains("? help") && $0.text.contains("LANE") }
            kill(terminal.pid, SIGTERM)
            #expect(try await terminal.end() == -SIGTERM)
            try await expectGivenBack(terminal, modes: modes)
        }
    }

    @Test func `it says that the database is away, goes on when it is back, and quits while it hangs`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let terminal = try cluster.top()
            let modes = terminal.modes
            try await terminal.until("a page") { $0.text.contains("? help") }
            server.kill()
            try await terminal.until("the trouble") { $0.text.contains(" ago: the database cannot be reached") }
            try server.start()
            try await terminal.until("no trouble") { !$0.text.contains(" ago: ") && $0.text.contains("? help") }
            server.suspend()
            terminal.type("q")
            #expect(try await terminal.end() == 0)
            try await expectGivenBack(terminal, modes: modes)
            server.resume()
        }
    }

    @Test func `a line that stands still gets the newest page when it moves again, and nothing that was between`()
        async throws
    {
        try await withCluster { cluster in
            let terminal = try cluster.top()
            let modes = terminal.modes
            try await terminal.until("a page") { $0.text.contains("? help") }
            let whole = terminal.received
            terminal.type("\u{13}")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 41)
            // It goes on looking: its connection makes new statements. The page changes with each key, too.
            let statements = Locked<Set<Int>>([])
            try await eventually("it has looked again and again") {
                terminal.type("\t")
                let new = try await cluster.statementsOfOthers()
                statements.update { $0.formUnion(new) }
                return statements.value.count > 10
            }
            let before = terminal.received
            terminal.type("\u{1b}")
            terminal.type("\u{11}")
            try await terminal.until("the newest page") {
                $0.text.contains(/user_facing[ ]+41[ ]/) && $0.text.contains("NODES")
            }
            #expect(terminal.received - before < 3 * whole, "\(before), \(terminal.received), \(whole)")
            // It ends, and gives back, also while nothing moves.
            terminal.type("\u{13}")
            terminal.type("\t\t")
            kill(terminal.pid, SIGTERM)
            #expect(try await terminal.end() == -SIGTERM)
            try await expectGivenBack(terminal, modes: modes)
        }
    }

    @Test func `it has no colours for who does not want them, and refuses what is no terminal`() async throws {
        try await withCluster { cluster in
            for (environment, isColoured) in [([:], true), (["NO_COLOR": "1"], false)] {
                let terminal = try cluster.top(environment: environment)
                try await terminal.until("a page") { $0.text.contains("? help") }
                #expect((terminal.screen.coloured > 0) == isColoured)
                terminal.type("q")
                #expect(try await terminal.end() == 0)
            }
            let piped = try await cluster.clusterctl("top")
            #expect(piped.status == 64 && piped.talk.contains("'clusterctl status'") && piped.output == "")
            let dumb = try cluster.top(environment: ["TERM": "dumb"])
            #expect(try await dumb.end() == 64)
            // What it has written is read by another thread.
            try await eventually("it says why") { dumb.screen.text.contains("TERM") }
            let quick = try await cluster.clusterctl("top", "--interval", "1ms")
            #expect(quick.status == 64 && quick.talk.contains("200ms"))
            let json = try cluster.top(["-o", "json"])
            #expect(try await json.end() == 64)
        }
    }
}

extension TestCluster {
    /// The number of the last statement on each other connection to this schema.
    fileprivate func statementsOfOthers() async throws -> [Int] {
        try await database.withSession { session in
            try session.query(
                """
                SELECT CAST(query_id AS SIGNED) FROM information_schema.processlist
                WHERE db = DATABASE() AND id <> CONNECTION_ID()
                """
            ).map { try $0.only(Int.self) }
        }
    }
}
