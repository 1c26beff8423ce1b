import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// What people see: each table captured from a pseudo-terminal of a fixed size.
@Suite(.timeLimit(.minutes(15))) struct TerminalTests {
    private static let id = "0190163d-8694-739b-aea5-966c26f8ad0"

    /// Rows of which every character is known.
    private func fill(_ cluster: TestCluster) async throws {
        for name in ["hv1", "hv2"] { try await cluster.addNode(name) }
        let rows: [SQL] = [
            """
            INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, node_name, requester, max_attempts, state,
                enqueued_at, ready_at, deliveries, failures, defer_count, worker_node, worker_pid, started_at, waited,
                finished_at, error)
            VALUES ('0190163d-8694-739b-aea5-966c26f8ad01', 'command', '["backup"]', 'hv1-background', 'background', 'hv1',
                'alice@admin', 1, 'error', NOW(6) - INTERVAL 101 DAY, '2026-03-01 12:00:00', 1, 1, 0, 'hv1', 4711,
                '2026-03-01 12:00:01.5', 1500000, '2026-03-01 12:00:02',
                '{"code": "command_failed", "message": "\\'backup\\' ended with exit code 1 after it had written half of it"}')
            """,
            """
            INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                enqueued_at, ready_at, deliveries, failures, defer_count, worker_node, worker_pid, started_at, waited,
                finished_at)
            VALUES ('0190163d-8694-739b-aea5-966c26f8ad02', 'command', '["noop"]', 'any-user_facing', 'user_facing',
                'alice@admin', 1, 'complete', NOW(6) - INTERVAL 100 DAY, '2026-03-01 12:00:03', 1, 0, 0, 'hv1', 4711,
                '2026-03-01 12:00:03.25', 250000, '2026-03-01 12:00:04')
            """,
            """
            INSERT INTO sessions (id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT '0190163d-8694-739b-aea5-966c26f8ad08', 'netnode', id, name, 4712, 10000000, NOW(6),
                NOW(6), NOW(6) + INTERVAL 1 DAY
            FROM nodes WHERE name = 'hv1'
            """,
            """
            INSERT INTO supervised_processes
            SELECT id, 'dnsmasq 100', 'running', 4713, 2, 2453504, 0.14, 'unhealthy', 'it listens neither for DNS nor for DHCP',
                NOW(6), '0190163d-8694-739b-aea5-966c26f8ad08' FROM nodes WHERE name = 'hv1'
            """,
            "INSERT INTO queue_pauses VALUES ('hv2-*', 'disk swap', 'alice@admin', '2026-03-01 12:00:00')",
        ]
        for row in rows { try await cluster.execute(row) }
    }

    @Test func `every table stands in 80 columns as people are used to see it`() async throws {
        try await withCluster { cluster in
            try await fill(cluster)
            let screens: [(arguments: String, screen: String)] = [
                (
                    "op list",
                    """
                    UUID                                  STATE     AGE   TASKS   NODE
                    0190163d-8694-739b-aea5-966c26f8ad02  complete  100d  noop    -
                    0190163d-8694-739b-aea5-966c26f8ad01  error     101d  backup  hv1
                    """
                ),
                (
                    "op explain \(Self.id)1",
                    """
                    uuid   0190163d-8694-739b-aea5-966c26f8ad01
                    state  error
                    queue  hv1-background
                    error  command_failed: 'backup' ended with exit code 1 after it had written half
                           of it (since 2026-03-01T12:00:02.000000Z)
                    """
                ),
                (
                    "queue waits",
                    """
                    LANE OR TASK  N  P50      P90      P99      MAX
                    user_facing   1  0.248 s  0.248 s  0.248 s  0.25 s
                    background    1  1.499 s  1.499 s  1.499 s  1.5 s
                    backup        1  1.499 s  1.499 s  1.499 s  1.5 s
                    noop          1  0.248 s  0.248 s  0.248 s  0.25 s
                    """
                ),
                (
                    "service list",
                    """
                    NODE  SERVICE      STATE    PID   RESTARTS  MEMORY   HEALTH
                    hv1   dnsmasq 100  running  4713  2         2.3 MiB  unhealthy: it listens
                                                                         neither for DNS nor for
                                                                         DHCP
                    """
                ),
                (
                    "status",
                    """
                    !  no live queueworker on hv1 hv2
                    !  unhealthy: hv1/dnsmasq 100
                    !  queues 'hv2-*' are paused by alice@admin: disk swap

                    cluster       clusterops at db1:3306
                    leader        none elected
                    nodes         1 of 2 live, 0 draining, silent: hv2
                    netnodes      0 of 0, 1 live
                    queueworkers  0 of 2, missing: hv1 hv2
                    networks      0 of 0 converged, 0 problems
                    processes     1 of 1 running, 1 unhealthy, 0 not sampled lately, first:
                                  hv1/dnsmasq 100
                    pause rules   1

                    LANE                 QUEUED  DELAYED  BLOCKED  RUNNING  OLDEST  P50    P99
                    user_waiting         0       0        0        0        -       -      -
                    user_facing          0       0        0        0        -       248ms  248ms
                    user_facing_high_io  0       0        0        0        -       -      -
                    background           0       0        0        0        -       1.5s   1.5s
                    background_high_io   0       0        0        0        -       -      -
                    """
                ),
            ]
            for (arguments, screen) in screens {
                let shown = try await cluster.terminal(arguments, columns: 80)
                #expect(shown.status == 0, "\(shown.text)")
                // The test's own server has a socket, whose name is as long as it likes.
                let text = shown.text.replacing(/\ncluster .*\n(?: .*\n)*/) { _ in
                    "\ncluster       clusterops at db1:3306\n"
                }
                #expect(text == screen + "\n", "\(arguments):\n\(shown.text)")
            }
        }
    }

    @Test func `op show leaves out what there is not of an operation, and stands in parts`() async throws {
        try await withCluster { cluster in
            try await fill(cluster)
            let error = #"{"code": "boom", "message": "no", "stderr_tail": "Traceback:\n  File x, line 5\n"}"#
            try await cluster.execute("UPDATE finished_operations SET error = \(error) WHERE state = 'error'")
            for id in ["\(Self.id)1", "\(Self.id)2"] {
                let shown = try await cluster.terminal("op show \(id)", columns: 80).text
                #expect(shown.hasPrefix("uuid ") && !shown.contains(#/ -\n/#), "\(shown)")
                #expect(shown.contains("\n\nattempts ") && shown.contains(#/\n\nAT UTC +LATER +EVENT\n/#), "\(shown)")
                #expect(!shown.contains("network ") && !shown.contains("unmet") && !shown.contains("depends on"))
                #expect(shown.split(separator: "\n").allSatisfy { $0.count <= 80 && !$0.hasSuffix(" ") }, "\(shown)")
            }
            let failed = try await cluster.terminal("op show \(Self.id)1", columns: 80).text
            #expect(
                failed.contains("\n\nerror       boom: no\nstderr      Traceback:\n              File x, line 5\n\n"),
                "\(failed)"
            )
            #expect(!(try await cluster.terminal("op show \(Self.id)2", columns: 80)).text.contains("error"))
        }
    }

    @Test func `a wider terminal cuts nothing, a narrow one is never overrun`() async throws {
        try await withCluster { cluster in
            try await fill(cluster)
            let wide = try await cluster.terminal("op list", columns: 200)
            #expect(wide.text.contains("\(Self.id)1") && !wide.text.contains("…"))
            for command in ["op list", "op show \(Self.id)1", "service list", "status", "doctor", "node list"] {
                let narrow = try await cluster.terminal(command, columns: 60)
                #expect(narrow.text.split(separator: "\n").allSatisfy { $0.count <= 60 }, "\(narrow.text)")
            }
        }
    }

    @Test func `colours are for a terminal only, and for nobody who does not want them`() async throws {
        try await withCluster { cluster in
            try await fill(cluster)
            let red = "\u{1b}[31merror\u{1b}[0m"
            let coloured = try await cluster.terminal("op list", columns: 200, environment: ["TERM": "xterm"])
            #expect(
                coloured.text.contains(red) && coloured.text.hasPrefix("\u{1b}[1mUUID\u{1b}[0m"),
                "\(coloured.text)"
            )
            for refusal in [["TERM": "xterm", "NO_COLOR": "1"], ["TERM": "dumb"]] {
                let plain = try await cluster.terminal("op list", columns: 200, environment: refusal)
                #expect(!plain.text.contains("\u{1b}") && plain.text.contains("error"))
            }
            let piped = try await cluster.clusterctl("op", "list", environment: ["TERM": "xterm"])
            #expect(!piped.output.contains("\u{1b}"))
        }
    }

    @Test func `op wait shows how far it is, and leaves nothing of it`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let waited = try await cluster.terminal("op wait \(id) --timeout 3s", columns: 80)
            #expect(waited.status == 6, "\(waited.text)")
            #expect(waited.text.split(separator: "\r").count { $0.contains(" of 1 ended") } >= 3, "\(waited.text)")
            #expect(waited.text.contains("\r\u{1b}[K0 of 1 ended, 0 executing, "), "\(waited.text)")
            #expect(waited.text.contains("\r\u{1b}[KUUID"), "\(waited.text)")
            var worker = try cluster.worker()
            _ = try await worker.drain()
            let done = try await cluster.terminal("op wait \(id)", columns: 80)
            #expect(done.status == 0 && !done.text.contains("of 1 ended"))
        }
    }
}

extension TestCluster {
    /// Runs `clusterctl` on a pseudo-terminal of its own, to its end; `script` gives it one.
    func terminal(
        _ arguments: String,
        columns: Int,
        environment: [String: String] = [:]
    ) async throws -> (status: Int32, text: String) {
        let program = try BuiltProduct.path("clusterctl")
        let run = try await ProgramRun.run(
            "/usr/bin/script",
            ["-qec", "stty cols \(columns) rows 24; exec '\(program)' \(arguments)", "/dev/null"],
            environment: ClusterCtlProgram.environment(for: configuration).merging(environment) { _, own in own }
        )
        // A terminal ends its lines so.
        return (run.status, run.output.replacing("\r\n", with: "\n"))
    }
}
