import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension TestCluster {
    /// Runs a command as JSON and as a table; the JSON must fit the command's example.
    func example<Value: Decodable>(
        of type: Value.Type = Value.self,
        _ golden: String,
        _ arguments: [String],
        alsoAsTable: Bool = false,
        open: Set<String> = []
    ) async throws -> Value {
        let run = try await ClusterCtlProgram.run(arguments + ["-o", "json"], on: configuration)
        try #require(run.status == 0, "\(arguments): \(run.talk)")
        #expect(try Golden(golden).differences(from: run.output, open: open) == [], "\(arguments)")
        if alsoAsTable {
            let table = try await ClusterCtlProgram.run(arguments, on: configuration)
            #expect(table.status == 0 && table.output.contains("\n"), "\(arguments): \(table.talk)")
        }
        return try JSONDecoder().decode(Value.self, from: Data(run.output.utf8))
    }

    /// Pretends that a node has brought a part of a network about.
    func record(_ what: String, of network: String, by node: String, generation: Int, term: Int) async throws {
        try await execute(
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT w.id, n.id, \(what), \(generation), \(term), NOW(6) FROM networks AS w, nodes AS n
            WHERE w.name = \(network) AND n.name = \(node)
            ON DUPLICATE KEY UPDATE generation = VALUE(generation), term = VALUE(term)
            """
        )
    }

    /// Pretends that a node is elected, for a minute.
    func elect(_ node: String, term: Int) async throws {
        try await execute(
            """
            INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
            VALUES ('networknode', UUID(), \(node), \(term), NOW(6), NOW(6) + INTERVAL 60 SECOND)
            """
        )
    }

    /// Pretends that a process runs on a node.
    func addSession(on node: String, leaseSeconds: Int) async throws {
        try await execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT UUID(), 'netnode', id, name, 4711, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL \(leaseSeconds) SECOND
            FROM nodes WHERE name = \(node)
            """
        )
    }

    /// The live operations as `task network node`, sorted.
    func work() async throws -> [String] {
        try await database.withSession { session in
            try session.query("SELECT tasks, network_name, node_name FROM work_queue").map { row in
                let (tasks, network, node) = try row.decode((JSONColumn<[TaskName]>, String?, String?).self)
                return (tasks.value.map(\.description) + [network, node].compactMap(\.self)).joined(separator: " ")
            }.sorted()
        }
    }
}
