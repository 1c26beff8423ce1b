import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

extension NamespaceTests {
    /// How a network's devices are taken away.
    @Suite(.serialized) struct MeshDeletionTests {
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

        @Test func `the VNI of a removed network is held while something hangs on the bridge, which is named`()
            async throws
        {
            try await withUnwanted { world, blue, loop in
                let namespace = world.hosts[0].namespace
                func held() async throws -> [String?] {
                    let vni = blue.vni
                    return try await world.cluster.database.withSession { session in
                        try VNIHoldStatements.holds(of: vni, on: session).map(\.devices)
                    }
                }
                for number in 1...9 {
                    let cable = "ip link add cotap\(number) type veth peer name inside\(number)"
                    try await world.underlay.run(cable, in: namespace)
                    try await world.underlay.run("ip link set cotap\(number) master \(blue.bridge)", in: namespace)
                }
                try await world.removeNetwork("blue")
                #expect(try await held() == [nil])
                let vetoed = try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                #expect(vetoed.removal == .vetoed(by: (1...9).map { "cotap\($0)" }))
                #expect(try await held() == ["\((1...8).map { "cotap\($0)" }.joined(separator: ", ")) and 1 more"])
                for number in 1...9 { try await world.underlay.run("ip link del cotap\(number)", in: namespace) }
                #expect(try await loop.reconcile(.network(blue.vni), .operation, removing: .all).removal == .deleted)
                #expect(try await held() == [])
            }
        }

        @Test func `a bridge that gets a port once its deletion has begun stays`() async throws {
            try await withUnwanted { world, blue, _ in
                let namespace = world.hosts[0].namespace
                try await world.underlay.run("ip link add cotap1 type veth peer name inside1", in: namespace)
                try await world.underlay.run("ip link set cotap1 master \(blue.bridge)", in: namespace)
                // As the loop does it last, when it has found no port and removed what is in the namespace.
                #expect(try await world.reconciler(0).delete(blue.vni) == .vetoed(by: ["cotap1"]))
                #expect(try await has(blue, world))
            }
        }

        @Test func `a node that has nothing of a removed network releases its VNI when it is asked`() async throws {
            try await withUnwanted { world, blue, loop in
                _ = try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                try await world.removeNetwork("blue")
                #expect(try await loop.networks.heldVNIs() == [blue.vni])
                #expect(try await loop.reconcile(.network(blue.vni), .operation, removing: .all).removal == .absent)
                #expect(try await loop.networks.heldVNIs() == [])
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
