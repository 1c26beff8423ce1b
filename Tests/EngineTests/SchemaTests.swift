import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct SchemaTests {
    @Test func `the list of migrations is the directory, in order`() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/ClusterStore/Migrations/SQL")
        let files = try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted()
        let listed = Migrations.all.map { migration in
            String(format: "V%04d__", migration.version) + migration.name.replacing(" ", with: "_") + ".sql"
        }
        #expect(files == listed)
    }

    /// Says why a step may not go on beside work, or beside programs that do not know it; nil if it may.
    private static func obstacle(_ step: Migration) -> String? {
        let text = step.statement
        if text.contains("ALTER TABLE") {
            let isOnline = text.contains("ALGORITHM = INPLACE") && text.contains("LOCK = NONE")
            guard text.contains("ALGORITHM = INSTANT") || isOnline else { return "does not leave its table open" }
        }
        guard step.isAdditive else { return nil }
        return ["DROP ", "MODIFY ", "CHANGE ", "RENAME ", "ADD CONSTRAINT", "ADD UNIQUE"].first(where: text.contains)
    }

    @Test func `each step after the baseline leaves its table open, and is additive only if it takes nothing away`() {
        for step in Migrations.all where step.version > Migrations.baseline {
            #expect(Self.obstacle(step) == nil, "\(step.version)")
        }
        for (statement, isAdditive, isRight) in [
            ("ALTER TABLE nodes ADD COLUMN IF NOT EXISTS a INT NULL", true, false),
            ("ALTER TABLE nodes ADD COLUMN IF NOT EXISTS a INT NULL, ALGORITHM = INSTANT", true, true),
            ("ALTER TABLE nodes ADD INDEX IF NOT EXISTS a (b), ALGORITHM = INPLACE", true, false),
            ("ALTER TABLE nodes ADD INDEX IF NOT EXISTS a (b), ALGORITHM = INPLACE, LOCK = NONE", true, true),
            ("ALTER TABLE nodes DROP COLUMN IF EXISTS a, ALGORITHM = INSTANT", true, false),
            ("ALTER TABLE nodes DROP COLUMN IF EXISTS a, ALGORITHM = INSTANT", false, true),
            ("CREATE TABLE IF NOT EXISTS a (b INT)", true, true),
        ] {
            let version = Migrations.baseline + 1
            let step = Migration(version: version, name: "a", statement: statement, isAdditive: isAdditive)
            #expect((Self.obstacle(step) == nil) == isRight, "\(statement)")
        }
    }

    @Test func `the columns of an operation are those of both tables, and none is forgotten`() async throws {
        try await withCluster { cluster in
            func columns(of table: String) async throws -> [String] {
                try await cluster.database.withSession { session in
                    try session.query(
                        """
                        SELECT column_name FROM information_schema.columns
                        WHERE table_schema = DATABASE() AND table_name = \(table) ORDER BY column_name
                        """
                    ).map { try $0.only(String.self) }
                }
            }
            func names(_ columns: [SQL]) -> [String] { columns.map(\.text).sorted() }
            let shared = OperationColumns.requested + OperationColumns.progress
            let live = try await columns(of: "work_queue")
            let finished = try await columns(of: "finished_operations")
            #expect(live == names(shared + OperationColumns.live))
            #expect(finished == names(shared + OperationColumns.end))
        }
    }

    @Test(arguments: [30, 20_000])
    func `a look at the queues goes by its index, on small and large tables alike`(rows: Int) async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: rows)
            try await cluster.execute("ANALYZE TABLE work_queue")
            let queues = QueueName.claimOrder(targets: [.networkNode, .any])
            for (look, count) in [(ClaimStatements.Look.everything(most: 64), 1), (.heads(ofEach: 10), queues.count)] {
                let plan = try await cluster.explain(ClaimStatements.candidatesQuery(in: queues, look))
                let ranges = plan.filter { $0.table == "work_queue" && $0.key == "claim" }
                #expect(ranges.count == count && ranges.allSatisfy { $0.type == "range" && !$0.sorts })
                // Pauses are few, and all are looked at: 10.11 calls that an index of theirs, 11.8 the table.
                let others = plan.filter { $0.table?.hasPrefix("<") == false && $0.table != "queue_pauses" }
                #expect(others.count > count && others.allSatisfy { $0.key != nil }, "\(plan)")
            }

            var shared = ClaimFilter(tasks: [
                BuiltInTask.noop.name, BuiltInTask.networkApplyUpdateDNSMasq.name,
            ])
            shared.mixed = Set(queues)
            for look in [ClaimStatements.Look.everything(most: 64), .heads(ofEach: 10)] {
                let plan = try await cluster.explain(ClaimStatements.candidatesQuery(in: queues, look, shared))
                let ranges = plan.filter { $0.table == "work_queue" && $0.key == "claim_by_task" }
                #expect(ranges.count == 2 * queues.count && ranges.allSatisfy { $0.type == "range" && !$0.sorts })
                #expect(plan.allSatisfy { $0.key != "claim" })
            }
        }
    }

    @Test func `the schema refuses what the types refuse`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let forbidden: [SQL] = [
                "UPDATE work_queue SET state = 'executing' WHERE id = \(id)",
                "UPDATE work_queue SET state = 'blocked' WHERE id = \(id)",
                "UPDATE work_queue SET state = 'folded' WHERE id = \(id)",
                "UPDATE work_queue SET state = 'complete' WHERE id = \(id)",
                "UPDATE work_queue SET unmet = 1 WHERE id = \(id)",
                "UPDATE work_queue SET lane = 'urgent' WHERE id = \(id)",
                "UPDATE work_queue SET queue_name = 'any-background' WHERE id = \(id)",
                "UPDATE work_queue SET parameters = '{' WHERE id = \(id)",
                "UPDATE work_queue SET kind = 'node_network' WHERE id = \(id)",
                "INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node) VALUES (UUID(), 'any', '10.0.0.1', TRUE, TRUE)",
            ]
            for statement in forbidden {
                let error = await #expect(throws: DatabaseError.self, "\(statement.text)") {
                    try await cluster.execute(statement)
                }
                #expect(error?.code == .checkViolated, "\(statement.text)")
            }
        }
    }

    @Test func `terminal states are absorbing, and every other leads to one`() {
        for state in OperationState.allCases {
            #expect(state.successors.isEmpty == state.isTerminal)
            var reachable: Set<OperationState> = [state]
            for _ in OperationState.allCases { reachable.formUnion(reachable.flatMap(\.successors)) }
            #expect(reachable.contains { $0.isTerminal })
        }
    }
}

/// One line of EXPLAIN.
struct PlanLine: Sendable {
    let table: String?
    let type: String?
    let key: String?
    let sorts: Bool
}

extension TestCluster {
    func explain(_ statement: SQL) async throws -> [PlanLine] {
        try await database.withSession { session in
            try session.query("EXPLAIN \(sql: statement)").map { row in
                PlanLine(
                    table: try row.get("table"),
                    type: try row.get("type"),
                    key: try row.get("key"),
                    sorts: try row.get("Extra", as: String?.self)?.contains("filesort") == true
                )
            }
        }
    }
}
