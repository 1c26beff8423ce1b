import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime
@testable import clusterctl

/// What `top` draws, of a cluster of which everything is known.
@Suite struct TopPageTests {
    private static let id = "0190163d-8694-739b-aea5-966c26f8ad0"

    static func activity(queued: Int = 12) throws -> ClusterActivity {
        let waits = Waits(n: 1000, p50: 0.0042, p90: 0.25, p99: 1.26, max: 75)
        let lanes = Lane.allCases.sorted().map { lane in
            var status = LaneStatus(lane: lane)
            guard lane == .userFacing else { return status }
            (status.queued, status.delayed, status.blocked, status.executing) = (queued, 3, 1, 2)
            (status.oldestSeconds, status.waits) = (61, waits)
            return status
        }
        let hv1 = try NodeName("hv1")
        let status = StatusView(
            seenAt: Timestamp(microseconds: 1_772_366_405_250_000),
            database: DatabaseStatus(server: "db1:3306", schema: "clusterops", servers: []),
            leader: LeaderView(name: "networknode", holder: hv1, term: 3, expiresInSeconds: 4.2),
            lanes: lanes,
            pauses: 1,
            pauseRules: [
                PauseStatus(
                    pattern: "hv7-*",
                    reason: "disk",
                    requester: "alice",
                    pausedAt: Timestamp(microseconds: 0),
                    matches: false
                )
            ],
            nodes: NodesStatus(total: 3, live: 2, draining: 1, silent: [try NodeName("hv3")]),
            sessions: [
                SessionsStatus(
                    daemon: "netnode",
                    live: 1,
                    wanted: 3,
                    present: 1,
                    missing: [try NodeName("hv2"), try NodeName("hv3")]
                )
            ],
            networks: NetworksStatus(
                total: 105,
                converged: 104,
                problems: 2,
                behind: [],
                unserved: 0,
                withoutServer: []
            ),
            processes: ProcessesStatus(
                total: 105,
                running: 105,
                unhealthy: 1,
                stale: 0,
                first: ["hv1/dnsmasq 7"]
            )
        )
        let queue = QueueName(.node(hv1), .userFacing)
        return ClusterActivity(
            status: status,
            endedPerSecond: [.userFacing: 12.34, .background: 250.4],
            running: try (1...9).map { try run($0, on: hv1) },
            failures: [
                ClusterActivity.FailedOperation(
                    id: try OperationID(id + "a"),
                    state: .error,
                    tasks: [try TaskName("backup")],
                    queue: queue,
                    node: hv1,
                    secondsAgo: 100,
                    message: "'backup' ended with exit code 1 after it had written half of it\u{1b}[2J\n"
                )
            ],
            nodes: [
                node(try NodeName("hv3"), 0, running: 0, missing: ["queueworker", "netnode"], seen: nil),
                node(try NodeName("hv2"), 1, running: 0, isDraining: true, missing: ["netnode"], seen: 0.4),
                node(hv1, 2, running: 9, seen: 1.5),
            ]
        )
    }

    private static func node(
        _ name: NodeName,
        _ processes: Int,
        running: Int,
        isDraining: Bool = false,
        missing: [String] = [],
        seen: Double?
    ) -> ClusterActivity.NodeActivity {
        ClusterActivity.NodeActivity(
            name: name,
            liveProcesses: processes,
            running: running,
            isDraining: isDraining,
            missing: missing,
            seenSecondsAgo: seen
        )
    }

    private static func run(_ number: Int, on node: NodeName) throws -> ClusterActivity.RunningOperation {
        ClusterActivity.RunningOperation(
            id: try OperationID(id + "\(number)"),
            tasks: [try TaskName("backup_\(number)")],
            queue: number == 2 ? QueueName(.any, .background) : QueueName(.node(node), .userFacing),
            node: node,
            seconds: 7200 / Double(number * number * number * number),
            isCancelRequested: number == 1
        )
    }

    @Test func `in 80 by 24 there is something of everything`() throws {
        let page = TopPage(activity: try Self.activity(), columns: 80, rows: 24)
        let text = """
            2026-03-01 12:00:05 UTC  leader hv1, term 3  clusterops at db1:3306
            nodes 2/3 live, 1 draining   netnodes 1/3   pauses 1
            networks 104/105 converged, 2 problems   processes 105/105 running, 1 unhealthy

            ! nodes have 2 problems with networks
            ! no live netnode on hv2 hv3
            ! unhealthy: hv1/dnsmasq 7
            ! the pause rule 'hv7-*' of alice matches no queue
            LANE                 QUEUED DELAYED BLOCKED RUNNING OLDEST ENDED/S    P50    P99
            user_waiting              0       0       0       0      -       0      -      -
            user_facing              12       3       1       2  61.0s    12.3    4ms   1.3s
            user_facing_high_io       0       0       0       0      -       0      -      -
            background                0       0       0       0      -     250      -      -
            background_high_io        0       0       0       0      -       0      -      -
            RUNNING 9                                  FOR  NODE         TASKS
            > 0190163d-8694-739b-aea5-966c26f8ad01      2h  hv1          backup_1 (cancelle…
              0190163d-8694-739b-aea5-966c26f8ad02      7m  hv1          backup_2
              0190163d-8694-739b-aea5-966c26f8ad03   88.9s  hv1          backup_3
            FAILED 1                                   AGO  TASKS: ERROR
              0190163d-8694-739b-aea5-966c26f8ad0a      1m  backup: 'backup' ended with exi…
            NODES 3                                   SEEN  STATE          PROCESSES RUNNING
              hv3                                    never  silent                 0       0
              hv2                                    400ms  no netnode             1       0
            ? help  q quit  enter detail  r retry  c cancel  s sort  / filter  l lane
            """
        #expect(page.screen.text == text + "\n", "\n\(page.screen.text)")
    }

    @Test func `120 columns show all percentiles, and more of an error`() throws {
        let page = TopPage(activity: try Self.activity(), columns: 120, rows: 30)
        let text = """
            2026-03-01 12:00:05 UTC  leader hv1, term 3  clusterops at db1:3306
            nodes 2/3 live, 1 draining   netnodes 1/3   pauses 1
            networks 104/105 converged, 2 problems   processes 105/105 running, 1 unhealthy

            ! nodes have 2 problems with networks
            ! no live netnode on hv2 hv3
            ! unhealthy: hv1/dnsmasq 7
            ! the pause rule 'hv7-*' of alice matches no queue
            LANE                 QUEUED DELAYED BLOCKED RUNNING OLDEST ENDED/S    P50    P90    P99    MAX
            user_waiting              0       0       0       0      -       0      -      -      -      -
            user_facing              12       3       1       2  61.0s    12.3    4ms  250ms   1.3s  75.0s
            user_facing_high_io       0       0       0       0      -       0      -      -      -      -
            background                0       0       0       0      -     250      -      -      -      -
            background_high_io        0       0       0       0      -       0      -      -      -      -
            RUNNING 9                                  FOR  NODE         TASKS
            > 0190163d-8694-739b-aea5-966c26f8ad01      2h  hv1          backup_1 (cancelled)
              0190163d-8694-739b-aea5-966c26f8ad02      7m  hv1          backup_2
              0190163d-8694-739b-aea5-966c26f8ad03   88.9s  hv1          backup_3
              0190163d-8694-739b-aea5-966c26f8ad04   28.1s  hv1          backup_4
              0190163d-8694-739b-aea5-966c26f8ad05   11.5s  hv1          backup_5
              0190163d-8694-739b-aea5-966c26f8ad06    5.6s  hv1          backup_6
              0190163d-8694-739b-aea5-966c26f8ad07    3.0s  hv1          backup_7
              0190163d-8694-739b-aea5-966c26f8ad08    1.8s  hv1          backup_8
            FAILED 1                                   AGO  NODE         TASKS: ERROR
              0190163d-8694-739b-aea5-966c26f8ad0a      1m  hv1          backup: 'backup' ended \
            with exit code 1 after it had writt…
            NODES 3                                   SEEN  STATE          PROCESSES RUNNING
              hv3                                    never  silent                 0       0
              hv2                                    400ms  no netnode             1       0
              hv1                                     1.5s  live                   2       9
            ? help  q quit  enter detail  r retry  c cancel  s sort  / filter  l lane
            """
        #expect(page.screen.text == text + "\n", "\n\(page.screen.text)")
    }

    @Test func `a part may have the page, a lane and a word say of what, and escape shows all again`() throws {
        var dialogue = TopDialogue()
        func page() throws -> String {
            TopPage(activity: try Self.activity(), dialogue: dialogue, columns: 80, rows: 28).screen.text
        }
        dialogue.take(.tab)
        #expect(try page().contains("RUNNING 9") && !page().contains("FAILED") && page().contains("backup_9"))
        for key in "/UP_7" { dialogue.take(.character(key)) }
        #expect(try page().contains("filter: UP_7_"))
        // A letter is a letter while it is typed.
        dialogue.take(.character("q"))
        dialogue.take(.erase)
        dialogue.take(.enter)
        #expect(try page().contains("RUNNING 1 ") && page().contains("backup_7") && page().contains("filter 'UP_7'"))
        dialogue.take(.escape)
        while dialogue.choice.lane != .background { dialogue.take(.character("l")) }
        #expect(try page().contains("\nlane background   ? help"))
        #expect(try page().contains("RUNNING 1 ") && page().contains("backup_2") && page().contains("FAILED 0"))
        dialogue.take(.escape)
        #expect(dialogue == TopDialogue())
    }

    @Test func `no size is too small or too large`() throws {
        for (columns, rows) in [(1, 1), (10, 3), (79, 5), (300, 100), (5000, 5000), (0, 0), (80, 12), (20, 24)] {
            let page = TopPage(activity: try Self.activity(), trouble: "away", columns: columns, rows: rows)
            let lines = page.screen.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.count == max(1, min(rows, 500)) && lines.allSatisfy { $0.count <= max(1, columns) })
        }
    }

    @Test func `only what changed is drawn, and a whole frame is hardly more than its text`() throws {
        let before = TopPage(activity: try Self.activity(), columns: 80, rows: 24).screen
        let after = TopPage(activity: try Self.activity(queued: 13), columns: 80, rows: 24).screen
        #expect(after.update(from: after, colours: true) == "")
        let whole = before.update(from: nil, colours: true)
        let text = before.text.utf8.count
        #expect(whole.utf8.count < text + 500, "\(whole.utf8.count) bytes for \(text)")
        let change = after.update(from: before, colours: true)
        #expect(change == "\u{1b}[?2026h\u{1b}[11;27H3\u{1b}[?2026l", "\(change.debugDescription)")
        #expect(!before.update(from: nil, colours: false).contains("m") || before.text.contains("m"))

        // A terminal shows the same whether it was drawn at once or by its changes.
        var dialogue = TopDialogue()
        let rows = TopLists(try Self.activity(), dialogue.choice).rows
        var drawn = DrawnScreen(columns: 80, rows: 24)
        var shown: Screen?
        let keys: [TopKey] = [
            .tab, .tab, .tab, .character("l"), .escape, .character("/"), .character("7"), .escape, .down, .pageDown,
            .character("?"), .escape, .enter, .escape, .character("r"), .escape,
        ]
        for key in keys {
            dialogue.take(key, among: rows)
            let page = TopPage(activity: try Self.activity(), dialogue: dialogue, columns: 80, rows: 24)
            let bytes = page.screen.update(from: shown, colours: true)
            drawn.take(Array(bytes.utf8))
            shown = page.screen
            #expect(drawn.text == page.screen.text && drawn.unknown == [], "after \(key)")
            #expect(bytes.utf8.count < 4096)
        }
    }

    @Test func `keys come in pieces, and sequences of none of ours are no keys`() {
        var keys = TopKeys()
        #expect(
            keys.take(Array("q/a\r\t\u{7f}\u{15}".utf8)) == [
                .character("q"), .character("/"), .character("a"), .enter, .tab, .erase, .eraseAll,
            ]
        )
        #expect(keys.take(Array("\u{1b}[C\u{1b}OP\u{1b}[15~x".utf8)) == [.character("x")])
        #expect(keys.take(Array("\u{1b}[A\u{1b}OB\u{1b}[1;5B\u{1b}[6~".utf8)) == [.up, .down, .down, .pageDown])
        #expect(keys.take([0x1b]) == [.escape])
        #expect(keys.take(Array("[5".utf8)) == [])
        #expect(keys.take(Array("~q".utf8)) == [.pageUp, .character("q")])
        #expect(keys.take([0xff, 0xc3, 0x00]) == [])
    }

    @Test func `a time takes at most six characters, whatever it is`() {
        let times = [0, 0.0042, 0.9994, 0.9996, 9.96, 99.94, 99.96, 5999, 6001, 359_999, 360_001, 1e15, -1]
        let texts = ["0ms", "4ms", "999ms", "1.0s", "10.0s", "99.9s", "1m", "99m", "1h", "99h", "4d", "99999d", "0ms"]
        #expect(times.map(ShortTime.text) == texts)
    }
}
