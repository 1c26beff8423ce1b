import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// A server whose globals somebody has set for other programs: no answer may be another one for it.
@Suite(.timeLimit(.minutes(15))) struct HostileSettingsTests {
    /// Each would change an answer, what is refused, or what an error says.
    private static let hostile = [
        "autocommit = 0", "time_zone = '+05:30'", "sql_mode = 'ANSI_QUOTES,ORACLE,NO_BACKSLASH_ESCAPES'",
        "sql_select_limit = 2", "group_concat_max_len = 4", "max_sort_length = 64", "max_recursive_iterations = 1",
        "max_join_size = 10", "sql_big_selects = 0", "sql_safe_updates = 1", "check_constraint_checks = 0",
        "foreign_key_checks = 0", "unique_checks = 0", "default_regex_flags = 'EXTENDED,DOTALL'", "sql_if_exists = 1",
        "old_mode = 'ZERO_DATE_TIME_CAST,IGNORE_INDEX_ONLY_FOR_JOIN'", "sql_auto_is_null = 1",
        "div_precision_increment = 0", "standard_compliant_cte = 0", "completion_type = 2", "lc_messages = 'de_DE'",
        "idle_readonly_transaction_timeout = 1", "idle_write_transaction_timeout = 1", "wait_timeout = 2",
        "tx_isolation = 'SERIALIZABLE'", "tx_read_only = 1", "character_set_server = 'latin1'",
        "collation_connection = 'latin1_german1_ci'", "innodb_snapshot_isolation = 1", "max_statement_time = 0.5",
        "lock_wait_timeout = 1", "innodb_lock_wait_timeout = 1", "low_priority_updates = 1", "big_tables = 1",
        "optimizer_switch = 'index_merge=off,materialization=off,semijoin=off,derived_merge=off'",
    ]

    /// Those of them that change plans only, or that the engine meets on any server: what snapshot isolation refuses
    /// is begun again, and each column names its character set.
    private static let harmless: Set<String> = [
        "max_join_size", "low_priority_updates", "big_tables", "optimizer_switch", "innodb_snapshot_isolation",
        "character_set_server",
    ]

    private func answers(_ database: Database) async throws -> [String] {
        let connection = ClusterConnection(database: database, requester: "test", waker: NoWaker(), logger: .silent)
        let status = try await connection.status()
        let (nodes, operations) = try await database.withSession { session in
            (
                try NodeStatements.nodes(on: session).map(\.name),
                try session.query("SELECT id FROM work_queue").count
            )
        }
        return [
            "\(status.nodes)", "\(status.networks)", "\(status.lanes.map(\.queued))", "\(nodes)", "\(operations)",
        ]
    }

    @Test func `an answer is the same whatever a server's globals are, and so is what it refuses`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            for number in 1...8 {
                try await cluster.addNode("h\(number)")
                try await cluster.addNetwork("net\(number)")
            }
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 12)
            let before = try await answers(cluster.database)
            for setting in Self.hostile { try await cluster.database.administer("SET GLOBAL \(setting)") }

            let database = Database(cluster.configuration, logger: .silent)
            let other = TestCluster(
                database: database,
                configuration: cluster.configuration,
                counters: CoalescingCounters(database: database)
            )
            #expect(try await answers(database) == before)
            for setting in Self.hostile {
                let name = String(setting.prefix { $0 != " " })
                if Self.harmless.contains(name) { continue }
                // Asked for over a connection that was opened since: an older one has what was global before.
                let isOwn = try await other.count(
                    """
                    SELECT COUNT(*) FROM information_schema.system_variables
                    WHERE variable_name = \(name) AND session_value <> global_value
                    """
                )
                #expect(isOwn == 1, "a session takes \(name) over")
            }
            // A transaction that commits, and a second on the same connection.
            var worker = try other.worker()
            #expect(try await worker.drain().count == 12)
            // What is refused, and what the refusal is called.
            let id = OperationID.new()
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], id: id)
            #expect(try await other.queue.enqueue(request).state == .queued)
            #expect(try await other.queue.enqueue(request).uuid == id)
            let twice = await #expect(throws: DatabaseError.self) { try await other.addNetworkTwice() }
            #expect(twice?.duplicateKey == "PRIMARY")
            await #expect(throws: DatabaseError.self, "a CHECK holds") {
                try await other.execute("UPDATE nodes SET name = 'NO LABEL' WHERE name = 'h1'")
            }
            await #expect(throws: DatabaseError.self, "a foreign key holds") {
                try await other.execute("UPDATE applied_state SET network = UUID()")
                try await other.execute(
                    """
                    INSERT INTO applied_state (network, node, what, generation, term, applied_at)
                    SELECT UUID(), id, 'mesh', 1, 1, NOW(6) FROM nodes WHERE name = 'h1'
                    """
                )
            }
            await database.close()
        }
    }
}

extension TestCluster {
    /// Breaks a primary key.
    fileprivate func addNetworkTwice() async throws {
        try await execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            SELECT id, 'another', 4711, cidr, mtu, dhcp, dns FROM networks WHERE name = 'net1'
            """
        )
    }
}
