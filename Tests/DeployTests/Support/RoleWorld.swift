import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

/// A cluster on a server that writes down who asks it for what.
struct RoleWorld: Sendable {
    let cluster: TestCluster
    let server: PrivateServer

    func user(_ role: DatabaseRole) async throws -> RoleUser {
        try await RoleUser.make(role, in: cluster.configuration, by: cluster.database, on: server)
    }

    /// What makes one of our programs connect as a user.
    func environment(_ user: RoleUser) throws -> [String: String] {
        guard case .socket(let socket) = cluster.configuration.endpoint, let schema = cluster.configuration.schema
        else {
            throw ClusterOpsError(.invalid, "the test's server has a socket and a schema")
        }
        return user.environment.merging([
            "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_NAME": schema,
            "CLUSTEROPS_NODE_UNDERLAY_ADDRESS": "127.0.0.1",
        ]) { own, _ in own }
    }

    /// Runs `clusterctl` as a user; a line of arguments is split at its spaces.
    @discardableResult
    func clusterctl(
        as user: RoleUser,
        _ line: String,
        more: [String] = [],
        exit status: Int32 = 0,
        input: String? = nil
    ) async throws -> String {
        let run = try await ProgramRun.run(
            try BuiltProduct.path("clusterctl"),
            line.split(separator: " ").map(String.init) + more,
            environment: environment(user),
            input: input
        )
        #expect(run.status == status, "\(user.role): clusterctl \(line): \(run.output) \(run.talk)")
        return run.output
    }

    /// Enqueues as a user, and returns the id.
    func enqueue(as user: RoleUser, _ line: String, more: [String] = []) async throws -> String {
        struct Receipt: Decodable { let uuid: String }
        let text = try await clusterctl(as: user, "op enqueue \(line) -o json", more: more)
        return try JSONDecoder().decode(Receipt.self, from: Data(text.utf8)).uuid
    }

    /// Makes it look as if a worker lived that could ring.
    func pretendWorker() async throws {
        try await cluster.execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, doorbell, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT UUID(), 'queueworker', id, name, 1, '127.0.0.1:9', 60000000, NOW(6), NOW(6),
                NOW(6) + INTERVAL 60 SECOND
            FROM nodes WHERE name = 'h2'
            """
        )
    }

    func state(_ id: String) async throws -> String {
        try await cluster.operation(OperationID(id)).state.rawValue
    }

    /// Explains all that a user's programs have sent, on tables as they are and on large ones.
    ///
    /// Locking statements go by an index at every size; no statement reads or sorts a backlog or the history.
    func expectGoodPlans(_ user: RoleUser, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let (plans, faulty) = try await cluster.reviewPlans(of: user)
        #expect(faulty == [], sourceLocation: sourceLocation)
        #expect(plans.count >= 20, sourceLocation: sourceLocation)
    }

    /// What a role may do and its user has not done, and the other way round.
    func expectAllWasUsed(_ user: RoleUser, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let used = try await SpokenStatements.accesses(of: user, in: cluster)
        var allowed = SpokenStatements.accesses(allowedTo: user.role)
        // What procedures do with the migrator's rights, the log does not show as its own.
        if user.role == .migrator { allowed.subtract(SpokenStatements.accesses(of: DatabaseRole.lent)) }
        #expect(!used.isEmpty)
        #expect(
            allowed.subtracting(used).sorted() == [],
            "\(user.role) may do what it does not do",
            sourceLocation: sourceLocation
        )
    }
}

/// Gives a test a server of its own, with a log of all statements, and two nodes.
func withRoles(_ body: @Sendable (RoleWorld) async throws -> Void) async throws {
    let server = try PrivateServer(options: SpokenStatements.serverOptions + ["--innodb-flush-log-at-trx-commit=1"])
    defer { server.destroy() }
    try await withCluster(on: server) { cluster in
        try await cluster.addNode("h1")
        try await cluster.addNode("h2")
        try await body(RoleWorld(cluster: cluster, server: server))
    }
}
