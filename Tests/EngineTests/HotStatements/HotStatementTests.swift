import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The statements on which the throughput depends are executed by their indexes, and read what they are about, in a
/// backlog of any size.
@Suite(.serialized, .timeLimit(.minutes(15))) struct HotStatementTests {
    /// The tables that grow.
    static let tables: [SQL] = [
        "work_queue", "finished_operations", "operation_dependencies", "attempt_outputs", "adoptions",
        "operation_labels", "retries", "aborted_dependents", "sessions", "running_targets", "operation_waiters",
        "cascades",
    ]

    /// What one statement has cost.
    private struct Cost: Sendable {
        var indexes: Set<String> = []
        /// Rows and entries of indexes that the server has asked the storage engine for, or had it pass over.
        var read = 0
        var faults: [String] = []
        var isLocking = false
    }

    /// Undoes what a statement has done, so that the next one finds the stage as it was.
    private struct Undone: Error {
        let cost: Cost
    }

    /// The number of operations that wait, and the number at which the server has last counted them.
    struct Size: Sendable, CustomTestStringConvertible {
        let backlog: Int
        let known: Int?
        var testDescription: String { known.map { "\(backlog), counted at \($0)" } ?? "\(backlog)" }
    }

    @Test(arguments: [
        Size(backlog: 30, known: nil), Size(backlog: 100_000, known: nil), Size(backlog: 100_000, known: 30),
    ])
    func `each hot statement goes by its index, and reads no more of a large backlog than it may`(
        size: Size
    ) async throws {
        let server = try PrivateServer(options: ExecutedPlans.serverOptions, buffers: PrivateServer.roomyBuffers)
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let stage = try await cluster.stage(backlog: size.backlog, knownAs: size.known)
            let connection = try await Connection.open(cluster.configuration)
            let log = ExecutedPlans(of: server)
            var lines: [String] = []
            for statement in HotStatement.all {
                // What a table is like is read when it is opened, which is the first statement's and not this one's.
                _ = try await cost(of: statement, stage, log, on: connection)
                let cost = try await cost(of: statement, stage, log, on: connection)
                let name = statement.name
                // A table of one page may be read as a whole by what locks nothing.
                let isFree = size.backlog < 100 && !cost.isLocking
                #expect(isFree || statement.isExecuted(by: cost.indexes), "\(name) by \(cost.indexes)")
                #expect(cost.faults.isEmpty, "\(name)")
                #expect(cost.read <= statement.most, "\(name)")
                lines.append("| `\(name)` | \(statement.indexes.sorted().joined(separator: ", ")) | \(cost.read) |")
            }
            await connection.close()
            let version = try await cluster.database.withSession {
                try $0.query("SELECT VERSION()")[0].only(String.self)
            }
            print("rows read by hot statements, MariaDB \(version), backlog of \(size.testDescription):")
            print(lines.joined(separator: "\n"))
        }
    }

    /// Statements as they would be without their hints, or with others.
    private static let wrong = [
        HotStatement("the backlog by another index", "work_queue by work_by_session", most: 1000) {
            transaction,
            stage in
            _ = try transaction.query(
                "SELECT id FROM work_queue FORCE INDEX (work_by_age) WHERE session = \(stage.worker.session)"
            )
        },
        HotStatement("a lock without an index", "work_queue by PRIMARY", most: 1000) { transaction, stage in
            _ = try transaction.query(
                "SELECT id FROM work_queue WHERE requester = 'nobody' AND id <> \(stage.waiting[0]) FOR UPDATE"
            )
        },
        HotStatement("a sort of the backlog", "work_queue by claim", most: 1000) { transaction, stage in
            _ = try transaction.query(
                """
                SELECT id FROM work_queue FORCE INDEX (claim)
                WHERE queue_name = 'any-background' AND state = 'queued' ORDER BY requester, id LIMIT 10
                """
            )
        },
        HotStatement("entries that are passed over", "work_queue by claim", most: 1000) { transaction, stage in
            _ = try transaction.query(
                """
                SELECT requester FROM work_queue FORCE INDEX (claim)
                WHERE queue_name = 'any-background' AND state = 'queued' AND ready_at < NOW(6)
                    AND exclusive_key = 'nobody'
                """
            )
        },
    ]

    @Test func `a wrong index, a lock without one, a sort and a walk through the backlog are each seen`() async throws {
        let server = try PrivateServer(options: ExecutedPlans.serverOptions, buffers: PrivateServer.roomyBuffers)
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let stage = try await cluster.stage(backlog: 5000)
            let connection = try await Connection.open(cluster.configuration)
            var costs: [String: Cost] = [:]
            for statement in Self.wrong {
                costs[statement.name] = try await cost(of: statement, stage, ExecutedPlans(of: server), on: connection)
            }
            await connection.close()
            for statement in Self.wrong { #expect(costs[statement.name]?.read ?? 0 > statement.most, "\(costs)") }
            #expect(!Self.wrong[0].isExecuted(by: costs[Self.wrong[0].name]?.indexes ?? []))
            for statement in Self.wrong[1...2] { #expect(costs[statement.name]?.faults.count == 1, "\(costs)") }
        }
    }

    private func cost(
        of statement: HotStatement,
        _ stage: Stage,
        _ log: ExecutedPlans,
        on connection: Connection
    ) async throws -> Cost {
        do {
            return try await connection.withTransaction { transaction in
                let number = try transaction.query("SELECT CONNECTION_ID()")[0].only(Int.self)
                let idle = try transaction.session.rowsTouched()
                let before = try transaction.session.rowsTouched()
                let length = try log.length
                try statement.run(transaction, stage)
                let after = try transaction.session.rowsTouched()
                let plans = try log.plans(since: length, ofConnection: number)
                    .filter { !$0.statement.hasPrefix("SHOW SESSION STATUS") }
                    // An INSERT of values reads no table, and the server's plan says that it reads all of one.
                    .filter { !$0.statement.hasPrefix("INSERT") || $0.statement.contains("SELECT") }
                let tables = Set(Self.tables.map(\.text))
                throw Undone(
                    cost: Cost(
                        indexes: plans.reduce(into: []) { $0.formUnion($1.indexes(of: tables)) },
                        // Asking for the numbers reads some itself.
                        read: after - before - (before - idle),
                        faults: plans.filter { !$0.faults.isEmpty }.map { "\($0.statement): \($0.faults)" },
                        isLocking: plans.contains(where: \.isLocking)
                    )
                )
            }
        } catch let undone as Undone {
            return undone.cost
        }
    }
}

extension Session {
    /// Rows that this connection has asked the storage engine for, and entries of indexes that it has had passed over.
    fileprivate borrowing func rowsTouched() throws -> Int {
        let counters = Dictionary(
            uniqueKeysWithValues: try query("SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_%'").map { row in
                let (name, value) = try row.decode((String, String).self)
                return (name, Int(value) ?? 0)
            }
        )
        let read = counters.filter { $0.key.hasPrefix("Handler_read") }.values.reduce(0, +)
        return read + counters["Handler_icp_attempts", default: 0] - counters["Handler_icp_match", default: 0]
    }
}
