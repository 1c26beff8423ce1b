import ClusterOpsTestKit
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// How a network's devices are taken away.
    @Suite struct MeshDeletionTests {
        /// A network that is not wanted on the host any more, with the loop that made it there.
        private func withUnwanted(
            _ body: @Sendable (MeshWorld, MeshWorld.Network, ReconcileLoop) async throws -> Void
        ) async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await world.withLoop(0) { loop in
                    #expect(try await loop.reconcile(.network(blue.vni), .operation).meshTrouble == nil)
                    try await world.drop(11, in: blue)
                    try await body(world, blue, loop)
                }
            }
        }

        private func has(_ network: MeshWorld.Network, _ world: MeshWorld) async throws -> Bool {
            let links = try await world.underlay.run("ip -o link show", in: world.hosts[0].namespace)
            return links.contains(network.bridge) && links.contains(network.tunnel)
        }

        @Test func `a network that is not wanted goes when that is asked for, and by no other run`() async throws {
            try await withUnwanted { world, blue, loop in
                #expect(try await loop.reconcile(.network(blue.vni), .operation).network == nil)
                #expect(try await has(blue, world))
                let outcome = try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                #expect(outcome.removal == .deleted)
                #expect(try await !has(blue, world))
            }
        }

        @Test func `what is wanted again before a deletion begins stays`() async throws {
            try await withUnwanted { world, blue, loop in
                try await world.want(12, in: blue, on: 0)
                let outcome = try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                #expect(outcome.removal == .stillWanted)
                #expect(try await has(blue, world))
            }
        }

        @Test func `a deletion and a run for what is wanted again go one after the other`() async throws {
            try await withUnwanted { world, blue, loop in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await loop.reconcile(.network(blue.vni), .operation, removing: .all) }
                    try await world.want(12, in: blue, on: 0)
                    #expect(try await loop.reconcile(.network(blue.vni), .operation).network == blue.id)
                    try await group.waitForAll()
                }
                #expect(try await has(blue, world))
            }
        }
    }
}
