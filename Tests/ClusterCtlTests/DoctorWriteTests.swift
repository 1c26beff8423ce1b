import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Servers that answer, and do not take what is to be written; and checks that do not come to an end.
@Suite(.timeLimit(.minutes(15))) struct DoctorWriteTests {
    private func check(_ name: String, _ cluster: TestCluster) async throws -> CheckView {
        let run = try await cluster.clusterctl("doctor", "-o", "json")
        let view = try #require(
            try? JSONDecoder().decode(DoctorView.self, from: Data(run.output.utf8)),
            "\(run.status) \(run.output) \(run.talk)"
        )
        return try #require(view.checks.first { $0.check == name })
    }

    /// The cluster as a user sees it who may write, and is no administrator.
    private func withUser(
        on server: PrivateServer,
        _ body: @Sendable (TestCluster, TestCluster) async throws -> Void
    ) async throws {
        try await withCluster(on: server) { cluster in
            let schema = try #require(cluster.configuration.schema)
            try await cluster.database.administer("CREATE USER 'plain'@'localhost'")
            try await cluster.database.administer(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON `\(schema)`.* TO 'plain'@'localhost'"
            )
            var configuration = cluster.configuration
            configuration.user = "plain"
            let database = Database(configuration, logger: .silent)
            let user = TestCluster(
                database: database,
                configuration: configuration,
                counters: CoalescingCounters(database: database)
            )
            try await body(cluster, user)
            await database.close()
        }
    }

    @Test func `a server that was made read-only is found, told as unreachable, and left by its connections`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withUser(on: server) { cluster, user in
            #expect(try await check("writes", user).state == .ok)
            let connection = try await user.count("SELECT CONNECTION_ID()")
            try await cluster.database.administer("SET GLOBAL read_only = 1")
            let writes = try await check("writes", user)
            #expect(writes.findings.count == 1 && writes.state == .findings)
            let found = try #require(writes.findings.first)
            let paths = DoctorWriteStatements.Path.allCases.map(\.rawValue).joined(separator: ", ")
            #expect(found.message.contains("cannot be \(paths): ") && found.message.contains("read-only"))
            #expect(found.remedy.contains("database.hosts"))
            let run = try await user.clusterctl("op", "enqueue", "noop")
            #expect(run.status == 5 && run.talk.contains("read-only"), "\(run.talk)")
            let error = await #expect(throws: ClusterOpsError.self) {
                try await user.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            }
            #expect(error?.code == .unreachable)
            #expect(try await user.count("SELECT CONNECTION_ID()") != connection, "the connection was given up")
            try await cluster.database.administer("SET GLOBAL read_only = 0")
            #expect(try await check("writes", user).state == .ok)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0, "all of it was taken back")
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 0)
        }
    }

    @Test func `what a role may not write is no finding`() {
        let denied: [DatabaseError.Code] = [.accessDeniedToTable, .accessDeniedToColumn]
        let refused = zip(DoctorWriteStatements.Path.allCases, denied).map { path, code in
            DoctorCheck.RefusedWrite(path: path, error: DatabaseError(code: code, phase: .execute, message: "denied"))
        }
        #expect(DoctorCheck.findings(of: refused).isEmpty)
        let causes: [(DatabaseError.Code, String)] = [
            (.readOnlyMode, "read-only (1836)"), (.unknownCommand, "1047"), (.diskFull, "1021"), (.tableFull, "1114"),
            (.deadlock, "1213"),
        ]
        for (code, word) in causes {
            let error = DatabaseError(code: code, phase: .execute, message: "so it is")
            let found = DoctorCheck.findings(of: refused + [DoctorCheck.RefusedWrite(path: .renew, error: error)])
            #expect(found.count == 1 && found[0].message.contains(word), "\(found)")
        }
    }

    @Test func `checks that come to no end are not run, and the rest is not waited for beyond the limit`() async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let connection = ClusterConnection(cluster.configuration, requester: "test", logger: .silent)
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withSession { session in
                try session.execute(
                    "LOCK TABLES work_queue WRITE, finished_operations WRITE, sessions WRITE, nodes WRITE"
                )
                let view = try blocking { try await connection.diagnosis(within: .seconds(5)) }
                let waited = try #require(view.checks.first { $0.state == .notRun })
                #expect(waited.findings.first?.message.contains("not begun") == false, "the first one was tried")
                #expect(view.checks.contains { $0.findings.first?.message.contains("not begun") == true })
                #expect(view.checks.first { $0.check == "settings" }?.state != .notRun)
                #expect(view.checks.count == 31 && !view.healthy)
                try session.execute("UNLOCK TABLES")
            }
            await holder.close()
            await connection.close()
        }
    }
}
