import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct DoctorCommandTests {
    /// What is not ok, by check, with what was found.
    private func findings(_ cluster: TestCluster) async throws -> [String: [FindingView]] {
        let view = try await DoctorRun(cluster).view
        #expect(view.checks.allSatisfy { ($0.state == .ok) == $0.findings.isEmpty })
        #expect(view.checks.allSatisfy { $0.findings.allSatisfy { !$0.remedy.isEmpty && !$0.message.isEmpty } })
        return Dictionary(
            uniqueKeysWithValues: view.checks.filter { $0.state != .ok }.map { ($0.check, $0.findings) }
        )
    }

    @Test func `a sound cluster has no findings and exit code 0, whatever waits and runs in it`() async throws {
        try await withSoundCluster { cluster in
            try await cluster.ringAtAClosedPort(open: true) { _ in
                let noop = [BuiltInTask.noop.name]
                let first = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
                _ = try await cluster.queue.enqueue(
                    OperationRequest(tasks: noop, dependsOn: [first], deadline: .seconds(60))
                )
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: noop), count: 100)
                var worker = try cluster.worker()
                _ = try await worker.claim()
                let run = try await cluster.clusterctl("doctor")
                #expect(run.status == 0 && run.talk == "", "\(run.output) \(run.talk)")
                let view = try await DoctorRun(cluster).view
                #expect(view.healthy && view.checks.count == 31, "\(view.checks.map(\.check))")
            }
        }
    }

    @Test func `a setting that loses what was acknowledged is found, with the statement that mends it`() async throws {
        try await withCluster { cluster in
            let run = try await cluster.clusterctl("doctor", "-o", "json")
            #expect(run.status == 1 && run.talk.contains("settings"))
            #expect(try Golden("doctor").differences(from: run.output) == [])
            let settings = try #require(try await findings(cluster)["settings"])
            #expect(settings.count == 1 && settings[0].remedy.contains("SET GLOBAL innodb_flush_log_at_trx_commit = 1"))
        }
    }

    @Test func `a schema of another version is found, and what needs it is not run`() async throws {
        try await withFreshSchema { _, configuration in
            let run = try await ClusterCtlProgram.run(["doctor"], on: configuration)
            #expect(run.status == 1 && run.output.contains("clusterctl db migrate"))
            #expect(run.output.contains("not run") && run.talk.contains("claim"))
        }
    }

    @Test func `every row that must not be is found, by the check that asks for it`() async throws {
        let breaks: [(check: String, break: SQL)] = [
            ("dependencies", "INSERT INTO operation_dependencies VALUES (UUID(), UUID(), TRUE)"),
            ("dependencies", "UPDATE work_queue SET unmet = 2, state = 'blocked' WHERE queue_name LIKE 'any%'"),
            ("followers", "UPDATE work_queue SET folded_into = UUID(), state = 'folded'"),
            (
                "orphans",
                """
                UPDATE work_queue SET state = 'executing', session = UUID(), deliveries = 1,
                    claimed_at = NOW(6) - INTERVAL 5 MINUTE
                """
            ),
            ("orphans", "INSERT INTO running_targets VALUES ('network of nobody', UUID())"),
            ("cascades", "INSERT INTO cascades VALUES (UUID(), 'error', NOW(6) - INTERVAL 5 MINUTE)"),
            ("nodes", "UPDATE work_queue SET node = UUID(), node_name = 'h9'"),
            ("deadlines", "UPDATE work_queue SET deadline = NOW(6) - INTERVAL 5 MINUTE"),
            (
                "twofold",
                """
                INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                    enqueued_at, ready_at, deliveries, failures, defer_count, finished_at)
                SELECT id, kind, tasks, queue_name, lane, requester, 1, 'complete', NOW(6), NOW(6), 1, 0, 0, NOW(6)
                FROM work_queue
                """
            ),
            ("unreadable", "UPDATE work_queue SET tasks = 'nonsense'"),
            ("indexes", "ALTER TABLE work_queue DROP INDEX work_by_ready_set"),
            ("sessions", "DELETE FROM sessions WHERE daemon = 'netnode'"),
            ("sessions", "UPDATE sessions SET expires_at = NOW(6) - INTERVAL 5 MINUTE WHERE daemon = 'netnode'"),
            ("sessions", "UPDATE sessions SET daemon = 'netnode'"),
            ("servers", "UPDATE sessions SET server = daemon"),
            ("lease", "UPDATE leases SET expires_at = renewed_at"),
            (
                "data_plane",
                "INSERT INTO data_plane_checks SELECT id, 'bridge_filter', 'failed', NOW(6), 'why' FROM nodes LIMIT 1"
            ),
            ("ahead", "UPDATE work_queue SET ready_set_at = NOW(6) + INTERVAL 1 HOUR, ready_at = ready_set_at"),
            ("ahead", "UPDATE sessions SET renewed_at = NOW(6) + INTERVAL 1 HOUR WHERE daemon = 'netnode'"),
            (
                "ahead",
                "UPDATE leases SET renewed_at = NOW(6) + INTERVAL 1 HOUR, expires_at = renewed_at + INTERVAL 5 SECOND"
            ),
            (
                "orphans",
                """
                UPDATE work_queue AS w JOIN sessions AS s ON s.daemon = 'netnode'
                SET w.state = 'executing', w.session = s.id, w.deliveries = 1,
                    w.claimed_at = NOW(6) - INTERVAL 5 MINUTE, s.dead = TRUE, s.renewed_at = NOW(6) + INTERVAL 1 HOUR,
                    s.expires_at = NOW(6) + INTERVAL 1 HOUR
                """
            ),
            ("sessions", "UPDATE sessions SET renewed_at = NOW(6) + INTERVAL 1 HOUR WHERE daemon = 'netnode'"),
            ("lease", "UPDATE leases SET renewed_at = NOW(6) + INTERVAL 1 HOUR, expires_at = renewed_at"),
            (
                "tasks",
                """
                INSERT INTO registered_tasks
                    (name, node, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
                SELECT 'backup', id, 'command', name = 'h1', 1, 1, NOW(6) FROM nodes
                """
            ),
        ]
        try await withSoundCluster { cluster in
            try await cluster.ringAtAClosedPort(open: true) { _ in
                try await cluster.addNode("h2")
                for daemon in ["queueworker", "netnode"] { try await cluster.addWorker(daemon, on: "h2") }
                try await cluster.execute("UPDATE sessions SET doorbell = (SELECT MAX(s.doorbell) FROM sessions AS s)")
                // Nobody renews them, and on a busy machine all this takes longer than a lease.
                for table: SQL in ["sessions", "leases"] {
                    try await cluster.execute("UPDATE \(sql: table) SET expires_at = NOW(6) + INTERVAL 1 DAY")
                }
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
                #expect(try await findings(cluster).isEmpty)
                for (check, statement) in breaks {
                    let tables: [SQL] = ["work_queue", "sessions", "leases"]
                    for table in tables {
                        try await cluster.execute("CREATE TABLE kept_\(sql: table) AS SELECT * FROM \(sql: table)")
                    }
                    try await cluster.database.withSession { session in
                        try session.execute("SET SESSION check_constraint_checks = 0")
                        try session.execute(statement)
                        try session.execute("SET SESSION check_constraint_checks = 1")
                    }
                    let found = try await findings(cluster)
                    #expect(found[check]?.isEmpty == false, "\(check) after \(statement.text): \(found.keys)")
                    // Mended: as it was.
                    for table in tables {
                        try await cluster.execute("DELETE FROM \(sql: table)")
                        // In strict mode a generated column would refuse its own value.
                        try await cluster.execute(
                            "SET STATEMENT sql_mode = '' FOR INSERT INTO \(sql: table) SELECT * FROM kept_\(sql: table)"
                        )
                        try await cluster.execute("DROP TABLE kept_\(sql: table)")
                    }
                    for table: SQL in [
                        "operation_dependencies", "cascades", "finished_operations", "registered_tasks",
                        "data_plane_checks", "running_targets",
                    ] {
                        try await cluster.execute("DELETE FROM \(sql: table)")
                    }
                    if check == "indexes" {
                        let remedy = try #require(found[check]?.first).remedy
                        try await cluster.database.administer(remedy)
                    }
                    #expect(try await findings(cluster).isEmpty, "mended after \(statement.text)")
                }
            }
        }
    }

    @Test func `who is missing is named, and a drained network node is to be undrained, not started`() async throws {
        try await withSoundCluster { cluster in
            for node in ["h2", "h3"] { try await cluster.addNode(node) }
            try await cluster.execute("UPDATE leases SET expires_at = renewed_at")
            let silent = try #require(try await findings(cluster)["sessions"])
            #expect(silent.contains { $0.message == "each of h2, h3 has no live netnode" }, "\(silent)")
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h1'")
            let able = try #require(try await findings(cluster)["lease"]?.first)
            #expect(
                able.remedy == "clusterctl node undrain h1; or on h2, h3: systemctl start clusterops-netnode",
                "the one that runs is drained"
            )
            try await cluster.execute("UPDATE nodes SET state = 'draining'")
            let drained = try #require(try await findings(cluster)["lease"]?.first)
            #expect(drained.message.contains("every network node is being drained"))
            #expect(drained.remedy == "clusterctl node undrain h1")
        }
    }

    @Test func `a doorbell where nobody listens is found`() async throws {
        try await withSoundCluster { cluster in
            try await cluster.ringAtAClosedPort(open: false) { address in
                let found = try await findings(cluster)
                #expect(found.keys.sorted() == ["doorbells"], "\(found)")
                let bells = try #require(found["doorbells"])
                // One for each process, by name.
                #expect(bells.count == 2 && bells.allSatisfy { $0.message.contains(address) }, "\(bells)")
                #expect(bells.map { $0.message.contains("netnode on h1, pid 4712") } == [true, false], "\(bells)")
            }
        }
    }

    @Test func `an old transaction is found, with the statement that ends it`() async throws {
        try await withCluster { cluster in
            let connection = try await Connection.open(cluster.configuration)
            try await connection.withSnapshot { session in
                let number: Int = try session.query("SELECT CONNECTION_ID()")[0].only()
                let old = try blocking {
                    // The server keeps its list for 0.1 s from the last look at it: who looks more often sees it never
                    // renewed.
                    var old: [Int] = []
                    try await eventually("it is listed") {
                        old = try await cluster.database.withSession { session in
                            _ = try session.query("SELECT SLEEP(0.2)")
                            return try DoctorStatements.oldTransactions(olderThan: .zero, limit: 100, on: session)
                                .map(\.connection)
                        }
                        return old.contains(number)
                    }
                    return old
                }
                #expect(old.contains(number))
            }
            await connection.close()
        }
    }
}

@Suite struct DoctorJudgementTests {
    @Test func `settings are judged one by one`() {
        let cases: [(String, (inout DoctorCheck.Settings) -> Void)] = [
            ("innodb_flush_log", { $0.flushLogAtCommit = 2 }), ("doublewrite", { $0.doesDoublewrite = false }),
            ("deadlock", { $0.detectsDeadlocks = false }), ("packet", { $0.longestPacket = 1 << 20 }),
            (
                "STATEMENT",
                {
                    $0.logsBinary = true; $0.binaryLogFormat = "STATEMENT"
                }
            ),
            (
                "sync_binlog",
                {
                    $0.logsBinary = true; $0.syncBinaryLog = 0
                }
            ),
            ("isolation", { $0.isolation = "REPEATABLE-READ" }), ("strict", { $0.sqlMode = "" }),
        ]
        #expect(DoctorCheck.findings(of: DoctorCheck.Settings()).isEmpty)
        for (word, change) in cases {
            var settings = DoctorCheck.Settings()
            change(&settings)
            let findings = DoctorCheck.findings(of: settings)
            #expect(findings.count == 1 && findings[0].message.contains(word), "\(word): \(findings)")
        }
        // What is not written needs no format.
        var unlogged = DoctorCheck.Settings()
        (unlogged.binaryLogFormat, unlogged.syncBinaryLog) = ("STATEMENT", 0)
        #expect(DoctorCheck.findings(of: unlogged).isEmpty)
    }

    @Test func `settings are read by the names and words of every release, and one that is missing is told`() throws {
        let common = [
            "innodb_flush_log_at_trx_commit": "1", "innodb_deadlock_detect": "ON", "log_bin": "OFF",
            "binlog_format": "MIXED", "sync_binlog": "0", "max_allowed_packet": "16777216",
            "sql_mode": "STRICT_ALL_TABLES,NO_ZERO_DATE",
        ]
        let releases = [
            ["tx_isolation": "READ-COMMITTED", "innodb_doublewrite": "ON"],
            [
                "tx_isolation": "READ-COMMITTED", "transaction_isolation": "READ-COMMITTED",
                "innodb_doublewrite": "fast",
            ],
            ["transaction_isolation": "READ-COMMITTED", "innodb_doublewrite": "ON"],
        ]
        for release in releases {
            let variables = common.merging(release) { first, _ in first }
            #expect(DoctorCheck.findings(of: try DoctorCheck.Settings(variables: variables)).isEmpty, "\(release)")
            for name in variables.keys where name != "tx_isolation" && name != "transaction_isolation" {
                var lacking = variables
                lacking[name] = nil
                let error = #expect(throws: DoctorCheck.Settings.Unknown.self) {
                    try DoctorCheck.Settings(variables: lacking)
                }
                #expect(error.map { "\($0)" } == "the server has no \(name)")
            }
        }
        let bad = common.merging(["tx_isolation": "SERIALIZABLE", "innodb_doublewrite": "OFF"]) { first, _ in first }
        #expect(DoctorCheck.findings(of: try DoctorCheck.Settings(variables: bad)).count == 2)
    }

    @Test func `a clock is wrong by more than a second, either way`() {
        #expect(DoctorCheck.findings(ofClockDifference: 0.9).isEmpty)
        #expect(DoctorCheck.findings(ofClockDifference: 2)[0].message.contains("2.0 s ahead of"))
        #expect(DoctorCheck.findings(ofClockDifference: -61.04)[0].message.contains("61.0 s behind"))
    }
}
