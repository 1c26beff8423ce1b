import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Each sentence of docs/decisions/database-roles.md that promises an ability or a refusal, tried as that role.
@Suite(.timeLimit(.minutes(15))) struct RolePromiseTests {
    private static let deniedTable: UInt32 = 1142
    private static let deniedColumn: UInt32 = 1143
    private static let deniedRoutine: UInt32 = 1370
    private static let checkViolated: UInt32 = 4025
    private static let signalled: UInt32 = 1644
    private static let duplicate: UInt32 = 1062

    /// The error's number, or 0 where the statement succeeded.
    private func number(_ statement: SQL, as user: RoleUser) async throws -> UInt32 {
        try await user.withDatabase { database in
            do {
                try await database.withSession { _ = try $0.execute(statement) }
                return 0
            } catch let error as DatabaseError {
                return error.code.rawValue
            }
        }
    }

    /// A noop of the operator's that waits, and one that waits for it.
    private func others(_ world: RoleWorld) async throws -> (waiting: OperationID, blocked: OperationID) {
        let queue = world.cluster.queue
        let waiting = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        let blocked = OperationRequest(tasks: [BuiltInTask.noop.name], dependsOn: [waiting])
        return (waiting, try await queue.enqueue(blocked).uuid)
    }

    private func insertion(_ column: SQL, _ value: SQL) -> SQL {
        """
        INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, state, enqueued_at, ready_at,
            \(sql: column))
        VALUES (UUID(), 'command', '["noop"]', 'any-user_facing', 'user_facing', 'evil', 1, 'queued', NOW(6), NOW(6),
            \(sql: value))
        """
    }

    @Test func `an enqueuer brings what is asked for, and nothing of where it stands`() async throws {
        try await withRoles { world in
            let user = try await world.user(.enqueuer)
            #expect(try await number(insertion("unmet", "0"), as: user) == 0)
            for (column, value): (SQL, SQL) in [
                ("deliveries", "4294967295"), ("failures", "4294967295"), ("defer_count", "4294967295"),
                ("session", "UUID()"), ("folded_into", "UUID()"), ("attempt_history", "'[]'"),
                ("claimed_at", "NOW(6)"), ("started_at", "NOW(6)"), ("worker_node", "'h1'"), ("worker_pid", "1"),
                ("cancel_requested_at", "NOW(6)"), ("cancel_requester", "'x'"), ("folded_at", "NOW(6)"),
                ("unfolded_at", "NOW(6)"), ("unfolded_from", "UUID()"),
            ] {
                #expect(try await number(insertion(column, value), as: user) == Self.deniedColumn, "\(column)")
            }
        }
    }

    @Test func `an enqueuer changes the lane of what waits, and neither its queue nor anything else`() async throws {
        try await withRoles { world in
            let user = try await world.user(.enqueuer)
            let (id, _) = try await others(world)
            #expect(
                try await number(
                    """
                    UPDATE work_queue SET lane = 'user_waiting', queue_name = 'any-user_waiting' WHERE id = \(id)
                    """,
                    as: user
                ) == 0
            )
            for queue in ["h1-user_waiting", "networknode-user_waiting", "any-background", "hidden-user_waiting"] {
                #expect(
                    try await number("UPDATE work_queue SET queue_name = \(queue) WHERE id = \(id)", as: user)
                        == Self.checkViolated,
                    "\(queue)"
                )
            }
            for change: SQL in [
                "state = 'blocked'", "tasks = '[]'", "ready_at = NOW(6)", "unmet = 1", "node_name = 'h1'",
                "deadline = NOW(6)", "cancel_requested_at = NOW(6)", "failures = 0", "parameters = NULL",
            ] {
                #expect(
                    try await number("UPDATE work_queue SET \(sql: change) WHERE id = \(id)", as: user)
                        == Self.deniedColumn,
                    "\(change.text)"
                )
            }
        }
    }

    @Test func `an enqueuer neither removes, ends, holds nor releases the work of others`() async throws {
        try await withRoles { world in
            let user = try await world.user(.enqueuer)
            let (waiting, blocked) = try await others(world)
            let mine = try await world.enqueue(as: user, "noop")
            for statement: SQL in [
                "DELETE FROM work_queue WHERE id = \(waiting)",
                "DELETE FROM operation_dependencies WHERE dependent = \(blocked)",
                "INSERT INTO operation_dependencies (dependency, dependent, must_complete) VALUES (\(mine), \(blocked), 1)",
                "INSERT INTO finished_operations (id) VALUES (\(waiting))",
                "UPDATE finished_operations SET state = 'complete'", "DELETE FROM finished_operations",
            ] {
                #expect(try await number(statement, as: user) == Self.deniedTable, "\(statement.text)")
            }
            for dependent in [waiting, blocked] {
                let edge = "[[\"\(mine)\",\"\(dependent)\",true]]"
                #expect(try await number("CALL record_edges(\(edge))", as: user) == Self.signalled)
                try await user.withDatabase { database in
                    try await database.withTransaction { transaction in
                        let error = #expect(throws: DatabaseError.self) {
                            try transaction.execute("CALL record_edges(\(edge))")
                        }
                        #expect(error?.code.rawValue == Self.signalled)
                        // And commits all the same.
                    }
                }
            }
            let ended = try await world.cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            _ = try await world.cluster.queue.cancel(ended)
            for id in [waiting, blocked, ended] {
                let forged: SQL = """
                    CALL insert_aborted(\(id), 'command', '["noop"]', 'any-user_facing', 'user_facing', NULL, NULL, NULL,
                        NULL, NULL, NULL, NULL, NULL, 'evil', NULL, 1, NULL, NULL, NULL, 0, 0, '{}')
                    """
                #expect(try await number(forged, as: user) == Self.duplicate)
            }
            #expect(try await world.state("\(waiting)") == "queued")
            #expect(try await world.state("\(blocked)") == "blocked")
            #expect(try await world.state("\(ended)") == "cancelled")
            let edges: SQL = "SELECT COUNT(*) FROM operation_dependencies"
            #expect(try await world.cluster.count(edges) == 1)
        }
    }

    @Test func `edges are recorded in the transaction that enqueues, and not without one`() async throws {
        try await withRoles { world in
            let user = try await world.user(.enqueuer)
            let (waiting, _) = try await others(world)
            let id = OperationID.new()
            let blocked: SQL = """
                INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, state, unmet,
                    enqueued_at, ready_at)
                VALUES (\(id), 'command', '["noop"]', 'any-user_facing', 'user_facing', 'a', 1, 'blocked', 1, NOW(6), NOW(6))
                """
            let edge: SQL = "CALL record_edges(\("[[\"\(waiting)\",\"\(id)\",true]]"))"
            #expect(try await number(blocked, as: user) == 0)
            #expect(try await number(edge, as: user) == Self.signalled)
            try await user.withDatabase { database in
                try await database.withTransaction { transaction in _ = try transaction.execute(edge) }
            }
        }
    }

    @Test func `to cancel is the operator's, and pauses, networks and leases are no enqueuer's`() async throws {
        try await withRoles { world in
            let (enqueuer, person) = (try await world.user(.enqueuer), try await world.user(.operator))
            let id = try await world.enqueue(as: enqueuer, "noop")
            try await world.clusterctl(as: enqueuer, "op cancel \(id)", exit: 77)
            try await world.clusterctl(as: person, "op cancel \(id)")
            for statement: SQL in [
                "INSERT INTO queue_pauses VALUES ('*', 'x', 'x', NOW(6))", "DELETE FROM networks", "DELETE FROM nodes",
                "INSERT INTO leases (name) VALUES ('networknode')", "UPDATE sessions SET dead = TRUE",
                "INSERT INTO registered_tasks (name) VALUES ('x')",
            ] {
                let refusal = try await number(statement, as: enqueuer)
                #expect([Self.deniedTable, Self.deniedColumn].contains(refusal), "\(statement.text): \(refusal)")
            }
        }
    }

    @Test func `a worker changes nothing that was asked for, brings nothing, and sees no network`() async throws {
        try await withRoles { world in
            let user = try await world.user(.worker)
            let (id, _) = try await others(world)
            for column: SQL in [
                "tasks", "kind", "network", "node", "node_name", "interface", "parameters",
                "depends_on", "runs_after", "requester", "deadline", "max_attempts", "coalesce_key", "exclusive_key",
            ] {
                let statement: SQL = "UPDATE work_queue SET \(sql: column) = DEFAULT WHERE id = \(id)"
                #expect(try await number(statement, as: user) == Self.deniedColumn, "\(column.text)")
            }
            let elsewhere: SQL = "UPDATE work_queue SET queue_name = 'h2-user_facing' WHERE id = \(id)"
            #expect(try await number(elsewhere, as: user) == Self.checkViolated)
            for statement: SQL in [
                insertion("unmet", "0"), "SELECT 1 FROM networks", "SELECT 1 FROM interfaces", "SELECT 1 FROM leases",
                "INSERT INTO applied_state (node) VALUES (UUID())",
            ] {
                #expect(try await number(statement, as: user) == Self.deniedTable, "\(statement.text)")
            }
            #expect(try await number("CALL record_edges('[]')", as: user) == Self.deniedRoutine)
        }
    }

    @Test func `one worker's password is enough to disturb all workers, as the document admits`() async throws {
        try await withRoles { world in
            let user = try await world.user(.worker)
            let (id, _) = try await others(world)
            try await world.pretendWorker()
            for statement: SQL in [
                "UPDATE sessions SET dead = TRUE",
                """
                INSERT INTO registered_tasks (name, node, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
                SELECT 'forged', id, 'command', FALSE, 1, 1, NOW(6) FROM nodes WHERE name = 'h2'
                """,
                "DELETE FROM work_queue WHERE id = \(id)", "DELETE FROM finished_operations",
            ] {
                #expect(try await number(statement, as: user) == 0, "\(statement.text)")
            }
        }
    }

    @Test func `only a netnode elects itself and writes what has been applied, and what is wanted it only reads`()
        async throws
    {
        try await withRoles { world in
            let elects: SQL = "UPDATE leases SET holder = NULL, term = term + 1"
            let applies: SQL = "UPDATE applied_state SET generation = 1"
            let netnode = try await world.user(.netnode)
            #expect(try await number(elects, as: netnode) == 0)
            #expect(try await number(applies, as: netnode) == 0)
            for change: SQL in [
                "UPDATE networks SET generation = 1", "DELETE FROM networks", "UPDATE interfaces SET node = UUID()",
                "INSERT INTO nodes (id) VALUES (UUID())", "UPDATE nodes SET state = 'draining'",
            ] {
                let refusal = try await number(change, as: netnode)
                #expect([Self.deniedTable, Self.deniedColumn].contains(refusal), "\(change.text): \(refusal)")
            }
            for role in DatabaseRole.allCases where role != .netnode {
                let user = try await world.user(role)
                for statement in [elects, applies] {
                    let refusal = try await number(statement, as: user)
                    #expect([Self.deniedTable, Self.deniedColumn].contains(refusal), "\(role), \(statement.text)")
                }
            }
        }
    }

    @Test func `a reader writes nothing, and can lock all the same`() async throws {
        try await withRoles { world in
            let user = try await world.user(.reader)
            let (id, _) = try await others(world)
            #expect(try await number("SELECT id FROM work_queue WHERE id = \(id) FOR UPDATE", as: user) == 0)
            #expect(try await number("SELECT 1 FROM information_schema.processlist", as: user) == 0)
            #expect(try await number("DELETE FROM operation_waiters", as: user) == Self.deniedTable)
            #expect(try await number(insertion("unmet", "0"), as: user) == Self.deniedTable)
        }
    }

    @Test func `procedures act with the migrator's rights, also when its account is locked`() async throws {
        let server = try PrivateServer(options: SpokenStatements.serverOptions)
        defer { server.destroy() }
        try await withFreshSchema(on: server) { database, configuration in
            let migrator = try await RoleUser.make(.migrator, in: configuration, by: database, on: server)
            let cluster = TestCluster(
                database: database,
                configuration: configuration,
                counters: CoalescingCounters(database: database)
            )
            let world = RoleWorld(cluster: cluster, server: server)
            try await world.clusterctl(as: migrator, "db migrate")
            let user = try await world.user(.enqueuer)
            for change: SQL in [
                "UPDATE work_queue SET state = 'queued'", "DELETE FROM work_queue", "DELETE FROM nodes",
            ] {
                #expect(try await number(change, as: migrator) == Self.deniedTable)
            }
            try await database.administer("ALTER USER '\(migrator.configuration.user)'@'localhost' ACCOUNT LOCK")
            let parent = try await world.enqueue(as: user, "noop")
            let child = try await world.enqueue(as: user, "noop --depends-on \(parent)")
            _ = try await cluster.queue.cancel(OperationID(parent))
            let late = try await world.enqueue(as: user, "noop --depends-on \(parent)")
            #expect(try await world.state(child) == "aborted")
            #expect(try await world.state(late) == "aborted")

            // A dump without --routines.
            try await database.administer("ALTER USER '\(migrator.configuration.user)'@'localhost' ACCOUNT UNLOCK")
            try await database.administer("DROP PROCEDURE record_edges")
            try await world.clusterctl(
                as: user,
                "op enqueue noop --depends-on \(world.enqueue(as: user, "noop"))",
                exit: 77
            )
            try await world.clusterctl(as: migrator, "db migrate")
            let statements = try DatabaseRole.enqueuer.statements(
                for: try DatabaseAccount(user: user.configuration.user, host: "localhost"),
                schema: configuration.schema ?? "",
                login: DatabaseRole.Login(password: nil)
            )
            for statement in statements { try await database.administer(statement) }
            try await world.clusterctl(as: user, "op enqueue noop --depends-on \(world.enqueue(as: user, "noop"))")
        }
    }

    @Test func `another password holds from then on, TLS can be demanded, and old rights are taken away`() async throws
    {
        try await withRoles { world in
            let user = try await world.user(.reader)
            let account = try DatabaseAccount(user: user.configuration.user, host: "localhost")
            func run(_ login: DatabaseRole.Login) async throws {
                let schema = world.cluster.configuration.schema ?? ""
                for statement in try DatabaseRole.reader.statements(for: account, schema: schema, login: login) {
                    try await world.cluster.database.administer(statement)
                }
            }
            try await world.cluster.database.administer("GRANT DELETE ON work_queue TO \(account)")
            try await run(DatabaseRole.Login(password: nil))
            #expect(try await number("DELETE FROM work_queue", as: user) == 0, "nothing is taken away unasked")
            try await run(DatabaseRole.Login(password: nil, startsAnew: true))
            #expect(try await number("DELETE FROM work_queue", as: user) == Self.deniedTable)
            #expect(try await number("SELECT 1 FROM work_queue", as: user) == 0)

            try await run(DatabaseRole.Login(password: "another one"))
            #expect(try await number("SELECT 1 FROM nodes", as: user) == 1045, "the old password")
            var configuration = user.configuration
            configuration.password = "another one"
            let connection = try await Connection.open(configuration)
            await connection.close()

            try await run(DatabaseRole.Login(password: nil, requiresTLS: true))
            await #expect(throws: DatabaseError.self, "without TLS") { try await Connection.open(configuration) }
        }
    }
}
