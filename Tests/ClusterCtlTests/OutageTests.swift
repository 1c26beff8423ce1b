import ChildProcess
import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Commands that wait or follow while the database is away, by the real programs on a real server.
@Suite(.timeLimit(.minutes(15))) struct OutageTests {
    private static let noop = OperationRequest(tasks: [BuiltInTask.noop.name])

    /// The notices of outages on a program's stderr, in order.
    private static func notices(_ program: SupervisedChild) -> [String] {
        program.standardError.text.split(separator: "\n").compactMap { line in
            line.hasSuffix("trying again") ? "lost" : line.hasSuffix("can be reached again") ? "back" : nil
        }
    }

    private static func events(_ program: SupervisedChild) throws -> [EventView] {
        try program.standardOutput.text.split(separator: "\n").map {
            try JSONDecoder().decode(EventView.self, from: Data($0.utf8))
        }
    }

    /// Kills the server in the middle of what programs do, and starts it again.
    private static func restart(
        _ server: PrivateServer,
        under programs: [SupervisedChild],
        _ cluster: TestCluster
    )
        async throws
    {
        let before = programs.map { notices($0).count }
        server.kill()
        for (program, count) in zip(programs, before) {
            try await eventually("the outage is told") { notices(program).count == count + 1 }
        }
        try server.start()
        for (program, count) in zip(programs, before) {
            try await eventually("its end is told") { notices(program).count == count + 2 }
        }
        // The test's own connections are dead too.
        try await eventually("the test is connected") { (try? await cluster.count("SELECT 1")) == 1 }
    }

    @Test func `whatever waits or follows outlasts the deaths of the database, loses nothing and tells nothing twice`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await cluster.addNetwork("blue")
            try await cluster.elect("h1", term: 1)
            let id = try await cluster.queue.enqueue(Self.noop).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            try await cluster.execute("INSERT INTO attempt_outputs VALUES (\(id), 1, 0, 'stdout', 'one\n', 4)")
            func start(_ line: String) async throws -> SupervisedChild {
                try await ClusterCtlProgram.start(line.split(separator: " ").map(String.init), on: cluster)
            }
            let events = try await start("events --follow --since 1h -o json")
            let logs = try await start("op logs --follow \(id)")
            let wait = try await start("op wait \(id) -o json")
            let enqueue = try await start("op enqueue noop --node h1 --wait -o json")
            let list = try await start("node list --watch -o json")
            let network = try await start("network wait blue -o json")
            let resign = try await start("leader resign --timeout 1h -o json")
            let all = [events, logs, wait, enqueue, list, network, resign]
            try await eventually("the output is seen") { logs.standardOutput.text.contains("one\n") }
            try await eventually("it is enqueued") { enqueue.standardError.text.contains("is queued in") }
            try await eventually("the request stands") {
                try await cluster.count("SELECT COUNT(*) FROM leases WHERE resignation IS NOT NULL") == 1
            }
            // The second time all of them are in the middle.
            for _ in 1...2 { try await Self.restart(server, under: all, cluster) }
            try await cluster.execute("UPDATE attempt_outputs SET tail = 'one\ntwo\n', total_bytes = 8")
            try await worker.settle(claims, .succeeded(result: nil))
            _ = try await worker.drain()
            try await cluster.execute(
                """
                UPDATE leases SET holder = UUID(), holder_node = 'h2', term = 2, serving_term = 2, renewed_at = NOW(6),
                    expires_at = NOW(6) + INTERVAL 60 SECOND
                """
            )
            for node in ["h1", "h2"] { try await cluster.record("mesh", of: "blue", by: node, generation: 1, term: 0) }
            try await cluster.record("dnsmasq", of: "blue", by: "h2", generation: 1, term: 2)
            for program in [logs, wait, enqueue, network, resign] {
                let exit = try await program.exit
                #expect(exit == .code(0), "\(program.standardError.text)")
            }
            #expect(logs.standardOutput.text == "==> attempt 1: noop stdout <==\none\ntwo\n")
            try await eventually("both ends are told") {
                try Self.events(events).count { $0.event.event == .ended } == 2
            }
            let told = try Self.events(events)
            #expect(
                told.filter { $0.uuid == id }.map(\.event.event)
                    == [.enqueued, .ready, .claimed, .startedExecuting, .ended]
            )
            #expect(told.count { $0.event.event != .change } == 10 && Set(told).count == told.count)
            #expect(told.map(\.event.at) == told.map(\.event.at).sorted())
            for program in [events, list] {
                _ = program.signal(SIGINT)
                #expect(try await program.exit == .code(130))
            }
            for program in all { #expect(Self.notices(program) == ["lost", "back", "lost", "back"]) }
        }
    }

    @Test func `a database that hangs is told as an outage, and ends no wait but by its timeout`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let id = try await cluster.queue.enqueue(Self.noop).uuid
            let follow = ["events", "--follow", "--since", "1h", "-o", "json"]
            let events = try await ClusterCtlProgram.start(follow, on: cluster)
            let wait = try await ClusterCtlProgram.start(["op", "wait", "\(id)"], on: cluster)
            try await eventually("it follows") { try Self.events(events).count == 2 }
            server.suspend()
            let limited = try await ClusterCtlProgram.start(["op", "wait", "\(id)", "--timeout", "1s"], on: cluster)
            #expect(try await limited.exit == .code(6), "\(limited.standardError.text)")
            #expect(limited.standardError.text.contains("nothing is known of \(id)"))
            try await eventually("the outage is told") { Self.notices(events) == ["lost"] }
            server.resume()
            try await eventually("its end is told") { Self.notices(events) == ["lost", "back"] }
            try await eventually("the test is connected") { (try? await cluster.count("SELECT 1")) == 1 }
            _ = try await cluster.queue.cancel(id)
            try await eventually("the end is told") { try Self.events(events).last?.event.event == .ended }
            #expect(try Self.events(events).map(\.event.event) == [.enqueued, .ready, .cancelRequested, .ended])
            #expect(try await wait.exit == .code(1), "\(wait.standardError.text)")
            _ = events.signal(SIGKILL)
        }
    }

    @Test func `the time of a wait counts on through an outage, whose end does not come`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let id = try await cluster.queue.enqueue(Self.noop).uuid
            server.kill()
            for line in ["op wait \(id)", "network wait blue", "leader resign"] {
                let words = line.split(separator: " ").map(String.init) + ["--timeout", "300ms", "-o", "json"]
                let run = try await ClusterCtlProgram.run(words, on: cluster.configuration)
                #expect(run.status == 6 && run.output == "", "\(line): \(run)")
                let lines = run.talk.split(separator: "\n")
                #expect(lines.count == 2 && lines.first?.hasSuffix("trying again") == true, "\(line): \(run.talk)")
                #expect(lines.last?.contains("timed out: the database does not answer") == true, "\(run.talk)")
            }
            try server.start()
            try await eventually("the test is connected") { (try? await cluster.count("SELECT 1")) == 1 }
        }
    }

    @Test func `what does not come back with the database ends what follows at once, with its own exit code`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            for user in ["known", "forgotten"] {
                try await cluster.database.administer("CREATE USER \(user)@localhost")
                try await cluster.database.administer("GRANT ALL ON *.* TO \(user)@localhost")
            }
            let id = try await cluster.queue.enqueue(Self.noop).uuid
            func follow(_ user: String, _ line: String) async throws -> SupervisedChild {
                let environment = ["CLUSTEROPS_DATABASE_USER": user]
                let words = line.split(separator: " ").map(String.init)
                return try await ClusterCtlProgram.start(words, on: cluster, environment: environment)
            }
            let programs = [
                try await follow("forgotten", "node list --watch"), try await follow("known", "op wait \(id)"),
            ]
            try await Self.restart(server, under: programs, cluster)
            // The connections that are open are not asked again.
            try await cluster.database.administer("DROP USER forgotten@localhost")
            try await cluster.execute("DELETE FROM work_queue")
            #expect(try await programs[1].exit == .code(3), "\(programs[1].standardError.text)")
            let newer = try await follow("known", "events --follow --since 1h")
            try await Self.restart(server, under: [newer], cluster)
            #expect(try await programs[0].exit == .code(77), "\(programs[0].standardError.text)")
            try await cluster.execute(
                "INSERT INTO schema_migrations VALUES (9999, 'future', NOW(6), NOW(6), 9999)"
            )
            server.kill()
            try await eventually("the outage is told") { Self.notices(newer).last == "lost" }
            try server.start()
            #expect(try await newer.exit == .code(1), "\(newer.standardError.text)")
            #expect(newer.standardError.text.contains("use the newer program"), "\(newer.standardError.text)")
            try await eventually("the test is connected") { (try? await cluster.count("SELECT 1")) == 1 }
        }
    }

    @Test func `a wait on a server that takes no writes is a matter of polling`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            try await cluster.addNode("h1")
            try await cluster.addSession(on: "h1", leaseSeconds: 600)
            try await cluster.database.administer("CREATE USER reader@localhost")
            try await cluster.database.administer("GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO reader@localhost")
            let id = try await cluster.queue.enqueue(Self.noop).uuid
            try await cluster.ringAtAClosedPort(open: true) { _ in
                try await cluster.database.administer("SET GLOBAL read_only = 1")
                let wait = try await ClusterCtlProgram.start(
                    ["op", "wait", "\(id)"],
                    on: cluster,
                    environment: ["CLUSTEROPS_DATABASE_USER": "reader"]
                )
                try await eventually("it is connected") {
                    try await cluster.count(
                        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'reader'"
                    ) == 1
                }
                _ = try await cluster.queue.cancel(id)
                #expect(try await wait.exit == .code(1))
                #expect(Self.notices(wait) == [] && wait.standardError.text.contains("did not complete"))
            }
        }
    }
}
