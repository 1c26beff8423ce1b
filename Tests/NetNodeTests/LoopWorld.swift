import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

extension MeshWorld {
    /// Gives a test the reconcile loop of a host, as its netnode has it; it has ended when this returns.
    ///
    /// - Parameters:
    ///   - index: of the host.
    ///   - tenure: under which it serves; nil when it does not.
    ///   - body: what is done while it runs.
    /// - Throws: What `body` throws.
    func withLoop(
        _ index: Int,
        tenure: Tenure? = nil,
        _ body: (ReconcileLoop) async throws -> Void
    ) async throws {
        let host = hosts[index]
        let directory = "/tmp/\(host.namespace)-loop"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        chmod(directory, 0o755)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let runner = HostCommandRunner { [commands] command in
            commands.update { $0.append(command) }
            return try await command.output()
        }
        let namespaces = NamespaceReconciler(
            prefix: host.namespacePrefix,
            namespace: host.namespacePath,
            runner: runner,
            logger: .silent
        )
        let servers = NetworkServers(
            stateDirectory: directory,
            namespacePath: { NamespaceName(prefix: host.namespacePrefix, $0).path },
            firstUser: 0x7000_0000,
            logger: .silent
        )
        let gate = Gate(namespace: host.namespacePath, logger: .silent)
        try await gate.close()
        if let tenure {
            servers.open()
            #expect(try await gate.open(under: tenure))
            try await namespaces.openGates(under: tenure)
        }
        let networks = NodeNetworks(
            node: try name(index),
            gate: gate,
            mesh: MeshReconciler(namespace: host.namespacePath, runner: runner, logger: .silent),
            namespaces: namespaces,
            egress: EgressReconciler(namespaces: namespaces, bridge: nil, logger: .silent),
            ports: PortReconciler(namespace: host.namespacePath, runner: runner, logger: .silent),
            servers: servers,
            ledger: NetworkLedger(node: try name(index), database: cluster.database),
            database: cluster.database,
            logger: .silent
        )
        let loop = ReconcileLoop(networks, tenure: { tenure }, record: MaintenanceRecord(), logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await loop.run() }
            try await body(loop)
            group.cancelAll()
        }
        await servers.close()
    }

    /// Makes a host the elected one, as far as the database goes.
    ///
    /// - Parameter index: of the host.
    /// - Returns: Its tenure.
    /// - Throws: `DatabaseError`.
    func elect(_ index: Int) async throws -> Tenure {
        let holder = SessionID.new()
        try await cluster.execute(
            """
            REPLACE INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
            VALUES ('network-node', \(holder), \(try name(index)), 1, NOW(6), NOW(6) + INTERVAL 600 SECOND)
            """
        )
        return Tenure(lease: "network-node", term: 1, holder: holder, until: .now + .seconds(600))
    }
}
