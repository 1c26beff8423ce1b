import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import DaemonFace
import Exposition
import Foundation
import Glibc
import MariaDB
import Testing

/// What a real queueworker shows by HTTP.
@Suite(.timeLimit(.minutes(15))) struct SurfaceTests {
    /// Runs until the test makes the file.
    private func held(_ file: String) -> String {
        "{held: {command: [/bin/sh, -c, 'until [ -e \(file) ]; do sleep 0.05; done']}, bad: {command: [/bin/false], max_attempts: 1}}"
    }

    @Test func `metrics say what the worker did, and what waits, while it works`() async throws {
        try await withFacedCluster { cluster in
            let go = "\(try PrivateServer.shared.directory.scratch())/go"
            let worker = try await FacedWorker.start(cluster.configuration, tasks: held(go))
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            for _ in 0..<5 { try await cluster.enqueue("noop") }
            let bad = try await cluster.enqueue("bad")
            _ = try await cluster.queue.ends(of: [bad], timeout: nil)
            // More than there are slots, so that some wait.
            for _ in 0..<7 { try await cluster.enqueue("held") }
            try await eventually("four run") {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'executing'") == 4
            }
            var page = try await worker.metrics()
            try await eventually("the counts are of now") {
                page = try await worker.metrics()
                return page["clusterops_queue_operations{queue=\"any-user_facing\",state=\"executing\"}"] == 4
            }
            #expect(page["clusterops_queue_operations{queue=\"any-user_facing\",state=\"queued\"}"] == 3)
            #expect(try #require(page["clusterops_queue_oldest_age_seconds{queue=\"any-user_facing\"}"]) > 0)
            #expect(page["clusterops_queue_operations{queue=\"h1-background\",state=\"queued\"}"] == 0)
            let started = page["clusterops_operation_wait_seconds_count{task=\"held\",lane=\"user_facing\"}"]
            #expect(started == 4)
            #expect(page["clusterops_operation_run_seconds_count{task=\"noop\",lane=\"user_facing\"}"] == 5)
            #expect(page["clusterops_attempts_total{task=\"noop\",outcome=\"succeeded\"}"] == 5)
            #expect(page["clusterops_attempts_total{task=\"bad\",outcome=\"failed\"}"] == 1)
            #expect(page["clusterops_operations_ended_total{state=\"complete\"}"] == 5)
            #expect(page["clusterops_operations_ended_total{state=\"error\"}"] == 1)
            #expect(page["clusterops_coalescing_decisions_total{task=\"noop\",outcome=\"executed\"}"] == 5)
            #expect(page["clusterops_ready"] == 1)
            let build = "version=\"\(ProgramVersion.current)\",schema=\"\(Migrations.migrator.latest)\""
            #expect(page["clusterops_build_info{\(build)}"] == 1)
            let margin = try #require(page["clusterops_session_lease_margin_seconds"])
            #expect(margin > 0 && margin <= 2)
            let lent = try #require(page["clusterops_database_connections{pool=\"work\",state=\"lent\"}"])
            let idle = try #require(page["clusterops_database_connections{pool=\"work\",state=\"idle\"}"])
            #expect(lent + idle >= 1 && lent + idle <= 8)
            #expect(page["clusterops_evidence_unconfirmed_flushes_total"] == 0)
            #expect(page["clusterops_unreadable_operations_total"] == 0)
            #expect(page.undefined(in: DaemonFace.metrics) == [])
            #expect(FileManager.default.createFile(atPath: go, contents: nil))
            try await eventually("all have run") {
                try await worker.metrics()["clusterops_attempts_total{task=\"held\",outcome=\"succeeded\"}"] == 7
            }
        }
    }

    @Test
    func
        `it is live and not ready before the node is added, ready then, and draining from the first signal to its end`()
        async throws
    {
        try await withCluster { cluster in
            let go = "\(try PrivateServer.shared.directory.scratch())/go"
            let worker = try await FacedWorker.start(cluster.configuration, tasks: held(go))
            let before = try #require(try await worker.get("readyz"))
            #expect(before.status == 503 && before.body.contains("\"status\" : \"not_ready\""))
            try await eventually("it says what is missing") {
                try await worker.get("readyz")?.body.contains("clusterctl node add h1") == true
            }
            #expect(try await worker.status("livez") == 200)
            #expect(try await worker.metrics()["clusterops_ready"] == 0)

            try await cluster.addNode("h1")
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }

            try await cluster.enqueue("held")
            try await eventually("it runs") {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'executing'") == 1
            }
            worker.program.signal(SIGTERM)
            try await eventually("it says that it drains") {
                let answer = try await worker.get("readyz")
                return answer?.status == 503 && answer?.body.contains("\"status\" : \"draining\"") == true
            }
            #expect(try await worker.status("livez") == 200)
            #expect(try await worker.metrics()["clusterops_ready"] == 0)
            #expect(worker.program.isRunning)
            #expect(FileManager.default.createFile(atPath: go, contents: nil))
            #expect(try await worker.program.end() == 0)
        }
    }

    @Test func `below the floor of a newer schema it is not ready while it works on, and above it nothing changes`()
        async throws
    {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            let newer = Migrations.migrator.latest + 1
            try await cluster.execute(
                """
                INSERT INTO schema_migrations (version, name, started_at, finished_at, compatibility_floor)
                VALUES (\(newer), 'of a newer program', NOW(6), NOW(6), \(newer - 1))
                """
            )
            try await eventually("it has seen that") {
                try await worker.get("readyz")?.body.contains("at version \(newer), this program needs") == true
            }
            #expect(try await worker.status("readyz") == 200)
            try await cluster.execute("UPDATE schema_migrations SET compatibility_floor = version")
            try await eventually("it is not ready any more") { try await worker.status("readyz") == 503 }
            let body = try #require(try await worker.get("readyz")?.body)
            #expect(body.contains("the database is at version \(newer)") && body.contains("use the newer program"))
            #expect(try await worker.status("livez") == 200)
            #expect(try await worker.metrics()["clusterops_ready"] == 0)
            let id = try await cluster.enqueue("noop")
            #expect(try await cluster.queue.ends(of: [id], timeout: .seconds(60)).inTime)
            try await cluster.execute("DELETE FROM schema_migrations WHERE version = \(newer)")
            try await eventually("it is ready again") { try await worker.status("readyz") == 200 }
        }
    }

    @Test func `without a database it is live and not ready, and so it is when the database goes and comes back`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withFacedCluster(on: server) { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            server.kill()
            try await eventually("it is not ready any more") { try await worker.status("readyz") == 503 }
            let page = try await worker.metrics()
            #expect(
                page.values.contains {
                    $0.key.hasPrefix("clusterops_database_errors_total{pool=\"work\"") && $0.value > 0
                }
            )
            #expect(try await worker.status("livez") == 200)
            try server.start()
            try await eventually("it is ready again") { try await worker.status("readyz") == 200 }
        }
    }

    @Test func `a database that hangs does not hold up a scrape`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withFacedCluster(on: server) { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            #expect(try await worker.metrics()["clusterops_queue_sample_age_seconds"] != nil)
            server.suspend()
            defer { server.resume() }
            try await eventually("it is not ready any more") { try await worker.status("readyz") == 503 }
            let slowest = Locked(Duration.zero)
            try await eventually("the counts are too old to be shown again unasked") {
                let begun = ContinuousClock.now
                let page = try await worker.metrics()
                let took = ContinuousClock.now - begun
                slowest.update { $0 = max($0, took) }
                return page["clusterops_queue_sample_age_seconds"] ?? 0 > 7
            }
            print("the slowest scrape while the database hangs: \(slowest.value)")
            // A second, and what a loaded machine adds; a connection to a server that hangs is given up after five.
            #expect(slowest.value < .seconds(4))
            #expect(try await worker.status("livez") == 200)
        }
    }

    @Test(arguments: ["", "GET /met", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
    func `a client that keeps its connection, and says nothing more, keeps no daemon from its end`(
        said: String
    ) async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            let client = try OpenConnection(to: try await worker.address(), saying: said)
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            let signalled = ContinuousClock.now
            worker.program.signal(SIGTERM)
            #expect(try await worker.program.end() == 0)
            print("its end with '\(said.prefix(8))' on a connection: \(ContinuousClock.now - signalled)")
            #expect(ContinuousClock.now - signalled < .seconds(10))
            client.close()
        }
    }

    @Test func `a second signal ends it at once, also while it answers`() async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration, tasks: held("/nonexistent/go"))
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            try await cluster.enqueue("held")
            try await eventually("it runs") {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'executing'") == 1
            }
            worker.program.signal(SIGTERM)
            try await eventually("it drains") { try await worker.get("readyz")?.body.contains("draining") == true }
            let signalled = ContinuousClock.now
            worker.program.signal(SIGTERM)
            #expect(try await worker.program.end() == 1)
            #expect(ContinuousClock.now - signalled < .seconds(5))
        }
    }

    @Test func `a port that is taken is named, does not keep it from working, and is had when it is free`() async throws
    {
        try await withFacedCluster { cluster in
            let first = try await FacedWorker.start(cluster.configuration)
            let address = try await first.address()
            let second = try await FacedWorker.start(
                cluster.configuration,
                environment: ["CLUSTEROPS_HTTP_QUEUEWORKER": address]
            )
            try await eventually("it says so") {
                second.entries("not working, trying again").contains {
                    // In the words of an operator, without those of the library below.
                    $0["reason"]?.hasPrefix("http.queueworker: cannot listen on \(address): Address already in use;")
                        == true
                }
            }
            try await eventually("it works all the same") {
                try await cluster.count("SELECT COUNT(*) FROM sessions WHERE pid = \(Int(second.program.pid))") == 1
            }
            first.program.signal(SIGTERM)
            #expect(try await first.program.end() == 0)
            #expect(try await second.address() == address)
            try await eventually("it answers") { try await second.status("readyz") == 200 }
        }
    }

    @Test func `off listens nowhere`() async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(
                cluster.configuration,
                environment: ["CLUSTEROPS_HTTP_QUEUEWORKER": "off"]
            )
            let id = try await cluster.enqueue("noop")
            _ = try await cluster.queue.ends(of: [id], timeout: nil)
            #expect(worker.entries("showing metrics and health").isEmpty)
            #expect(Self.listeningSockets(of: worker.program.pid) == 0)
            let shown = try await FacedWorker.start(cluster.configuration)
            _ = try await shown.address()
            #expect(Self.listeningSockets(of: shown.program.pid) == 1)
        }
    }

    /// TCP sockets of a process that accept connections.
    private static func listeningSockets(of pid: Int32) -> Int {
        let table = (try? String(contentsOfFile: "/proc/\(pid)/net/tcp", encoding: .utf8)) ?? ""
        var listening: Set<String> = []
        for line in table.split(separator: "\n").dropFirst() {
            let columns = line.split(separator: " ")
            if columns.count > 9, columns[3] == "0A" { listening.insert("socket:[\(columns[9])]") }
        }
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
        let own = descriptors.compactMap { descriptor in
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(descriptor)")
        }
        return listening.intersection(own).count
    }
}

extension TestCluster {
    /// Enqueues an operation of one task, once somebody can run it.
    @discardableResult
    func enqueue(_ task: String) async throws -> OperationID {
        let name = try TaskName(task)
        if name != BuiltInTask.noop.name {
            try await eventually("\(task) is registered") {
                try await count("SELECT COUNT(*) FROM registered_tasks WHERE name = \(task)") > 0
            }
        }
        return try await queue.enqueue(OperationRequest(tasks: [name])).uuid
    }
}
