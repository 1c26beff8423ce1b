import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

extension NamespaceTests {
    /// The statements and programs that one change of a network takes on the elected node.
    @Suite(.serialized) struct ChangeCostTests {
        @Test func `one more guest takes one read of what is wanted, one write and one program`() async throws {
            let server = try PrivateServer(options: SpokenStatements.serverOptions)
            defer { server.destroy() }
            try await withMesh(hosts: 2, networkNodes: [0], on: server) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                try await world.withLoop(0, tenure: try await world.elect(0)) { loop in
                    _ = try await loop.reconcile(.network(blue.vni), .operation)
                    let idle = try await cost("nothing new", world) {
                        let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                        #expect(outcome.server == .nothing)
                    }
                    #expect(idle.statements.count == 1 && idle.programs == 0, "\(idle.statements)")
                    try await world.want(13, in: blue, on: 1)
                    let guest = try await cost("one more guest", world) {
                        let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                        #expect(outcome.server == .reloaded && outcome.entriesChanged == 1)
                    }
                    #expect(guest.programs == 1)
                    #expect(guest.statements.count { $0.hasPrefix("SELECT") } == 1, "\(guest.statements)")
                    #expect(guest.statements.count { $0.hasPrefix("START TRANSACTION") } == 1, "\(guest.statements)")
                    // The mesh, the server and the term, and around them the transaction.
                    #expect(guest.statements.count == 6, "\(guest.statements)")
                    try await world.want(14, in: blue, on: 1)
                    // As the two operations of a change do, beside each other: with its egress.
                    let both = try await cost("one more guest, by operations", world) {
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for _ in 1...2 {
                                group.addTask {
                                    _ = try await loop.reconcile(.network(blue.vni), .operation)
                                    _ = try await loop.reconcile(.egress(blue.vni), .operation)
                                }
                            }
                            try await group.waitForAll()
                        }
                    }
                    // The second is answered by the first one's run, or by one more if that had begun.
                    #expect(both.programs == 1 && both.statements.count <= 2 * 6 + 2, "\(both.statements)")
                }
            }
        }

        private func cost(
            _ what: String,
            _ world: MeshWorld,
            _ work: () async throws -> Void
        ) async throws -> (statements: [String], programs: Int) {
            try await world.cluster.execute("TRUNCATE TABLE mysql.general_log")
            world.commands.update { $0 = [] }
            try await work()
            let programs = world.commands.value.count
            let statements = try await world.cluster.database.withSession { session in
                try session.query(
                    """
                    SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log
                    WHERE command_type IN ('Query', 'Execute') AND argument NOT LIKE '%general_log%'
                    """
                ).map { try $0.only(String.self) }
            }
            print("cost of \(what): \(statements.count) statements, \(programs) programs")
            return (statements, programs)
        }
    }
}
