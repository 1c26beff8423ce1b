import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import NetNode

/// What the reconciler and the tasks of the mesh do when something is in their way, and at size.
extension NamespaceTests {
    @Suite(.serialized) struct MeshFailureTests {
        @Test func `a read that fails or is cut short changes nothing`() async throws {
            try await withMesh(hosts: 2) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                #expect(try await world.reconciler(0).pass().hasConverged)
                let before = try await kernel(of: world)
                // What is no namespace answers nothing.
                for path in ["/run/netns/none", "/etc/hostname"] {
                    world.commands.update { $0 = [] }
                    let reconciler = try world.reconciler(0, in: path)
                    await #expect(throws: NetlinkError.self) { try await reconciler.pass() }
                    await #expect(throws: NetlinkError.self) { try await reconciler.delete(try VNI(300)) }
                    #expect(world.commands.value == [])
                }
                try await world.cluster.execute("RENAME TABLE interfaces TO elsewhere")
                await #expect(throws: DatabaseError.self) { try await world.reconciler(0).pass() }
                try await world.withLoop(0) { loop in
                    await #expect(throws: DatabaseError.self) {
                        try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                    }
                }
                #expect(try await kernel(of: world) == before)
            }
        }

        @Test func `a read-back that finds a change missing says so, with the network it is of`() async throws {
            try await withMesh(hosts: 2) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                let green = try await world.addNetwork("green", vni: 200)
                for network in [blue, green] {
                    for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: network, on: index) }
                }
                // Somebody else's tunnel has the first VNI: ours cannot be made, and the second network is none the
                // worse.
                let host = world.hosts[0].namespace
                try await world.underlay.run("ip link add name other type vxlan id 100 dstport 4789", in: host)
                let pass = try await world.reconciler(0).pass()
                #expect(!pass.hasConverged && pass.converged.map(\.vni) == [green.vni])
                #expect(Set(pass.remaining.map(\.vni)) == [blue.vni] && pass.complaints.contains("exists"))
                #expect(pass.trouble.contains("covx100"))
                try await world.underlay.run("ip link del dev other", in: host)
                #expect(try await world.reconciler(0).pass().hasConverged)
            }
        }

        @Test func `a task that has not converged fails, and records nothing`() async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let host = world.hosts[0].namespace
                try await world.underlay.run("ip link add name other type vxlan id 100 dstport 4789", in: host)
                try await world.withLoop(0) { loop in
                    let handler = EnsureMeshHandler(.networkApplyCreateHypervisor, loop: loop)
                    let attempt = try await attempt(.networkApplyCreateHypervisor, in: world)
                    guard case .failed(let failure) = await handler.run(attempt) else {
                        Issue.record("what the kernel refused was taken for done")
                        return
                    }
                    #expect(failure.code == "mesh_not_converged" && failure.message.contains("covx100"))
                    #expect(try await world.cluster.count("SELECT COUNT(*) FROM applied_state") == 0)
                    #expect(
                        try await world.cluster.count(
                            "SELECT COUNT(*) FROM network_problems WHERE what = 'mesh' AND message LIKE '%covx100%'"
                        ) == 1
                    )
                    try await world.underlay.run("ip link del dev other", in: host)
                    guard case .done = await handler.run(attempt) else {
                        Issue.record("with nothing in the way it is done")
                        return
                    }
                    #expect(try await world.cluster.count("SELECT COUNT(*) FROM network_problems") == 0)
                }
            }
        }

        @Test func `passes of several processes at once do no harm`() async throws {
            try await withMesh(hosts: 3) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1), (13, 2)] { try await world.want(number, in: blue, on: index) }
                let one = try world.reconciler(0)
                let others = try (0..<3).map { _ in try world.reconciler(0) }
                let passes = try await withThrowingTaskGroup(of: MeshPass.self) { group in
                    for reconciler in [one, one, one] + others { group.addTask { try await reconciler.pass() } }
                    return try await group.reduce(into: [MeshPass]()) { $0.append($1) }
                }
                #expect(passes.count == 6 && passes.allSatisfy(\.hasConverged))
                #expect(try await one.pass().changes == [])
                // Of one process only one run had anything to do, whoever waited for it.
                try await world.withLoop(0) { loop in
                    _ = try await loop.reconcile(.network(blue.vni), .operation)
                    try await world.underlay.run("ip link del dev covx100", in: world.hosts[0].namespace)
                    world.commands.update { $0 = [] }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<4 {
                            group.addTask {
                                let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                                #expect(outcome.meshTrouble == nil)
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(world.commands.value.map(\.program) == [.ip, .sysctl, .ip, .bridge])
                }
            }
        }

        @Test func `the tasks apply, record what was read back, and delete what is not wanted any more`() async throws {
            try await withMesh(hosts: 2) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                try await world.withLoop(0) { loop in
                    try await applyAndDelete(blue, in: world, loop)
                }
            }
        }

        private func applyAndDelete(
            _ blue: MeshWorld.Network,
            in world: MeshWorld,
            _ loop: ReconcileLoop
        ) async throws {
            let ensure = EnsureMeshHandler(.networkEnsureMesh, loop: loop)
            let delete = DeleteMeshHandler(loop: loop)
            let ensureAttempt = try await attempt(.networkEnsureMesh, in: world)
            #expect(
                await ensure.run(ensureAttempt)
                    == .done(result: "{\"devices_changed\":10,\"entries_changed\":2,\"wanted\":true}")
            )
            #expect(
                try await world.cluster.count(
                    "SELECT generation FROM applied_state WHERE network = \(blue.id) AND what = 'mesh'"
                ) == 3
            )

            let deleteAttempt = try await attempt(.networkApplyDeleteHypervisor, in: world)
            #expect(await delete.run(deleteAttempt) == .done(result: "{\"deleted\":false,\"reason\":\"wanted\"}"))
            #expect(try await devices(of: world) == ["cobr100", "covx100"])

            // Not wanted any more, but a guest still hangs on the bridge.
            let guest = try await world.start(11, in: blue, on: 0)
            try await world.drop(11, in: blue)
            guard case .failed(let veto) = await delete.run(deleteAttempt) else {
                Issue.record("a bridge with a guest was deleted")
                return
            }
            #expect(veto.code == "foreign_device" && veto.message.contains("cotap1"))
            // So does a device that stands on it.
            try await world.underlay.run("ip link del dev eth0", in: guest.namespace)
            let host = world.hosts[0].namespace
            try await world.underlay.run("ip link add name vlan5 link cobr100 type macvlan", in: host)
            guard case .failed(let second) = await delete.run(deleteAttempt) else {
                Issue.record("a bridge was deleted from under a device")
                return
            }
            #expect(second.code == "foreign_device" && second.message.contains("vlan5"))
            try await world.underlay.run("ip link del dev vlan5", in: host)
            #expect(try await devices(of: world) == ["cobr100", "covx100"])

            // The network is gone, and only the parameter knows the devices.
            try await world.drop(12, in: blue)
            let withVNI = try await attempt(.networkApplyDeleteHypervisor, in: world, parameters: "{\"vni\":100}")
            try await world.cluster.execute("DELETE FROM networks WHERE id = \(blue.id)")
            guard case .failed(let unknown) = await delete.run(deleteAttempt) else {
                Issue.record("devices were deleted without knowing whose")
                return
            }
            #expect(unknown.code == "unknown_vni")
            #expect(await delete.run(withVNI) == .done(result: "{\"deleted\":true}"))
            #expect(try await devices(of: world) == [])
            #expect(await delete.run(withVNI) == .done(result: "{\"deleted\":false,\"reason\":\"absent\"}"))
            #expect(await ensure.run(ensureAttempt) == .done(result: "{\"wanted\":false}"))
            #expect(
                try await world.cluster.count("SELECT COUNT(*) FROM applied_state") == 0,
                "it went with its network"
            )

            try await world.withLoop(1) { other in
                guard case .failed(let target) = await DeleteMeshHandler(loop: other).run(withVNI) else {
                    Issue.record("another node's operation was run")
                    return
                }
                #expect(target.code == "wrong_target")
            }
        }

        @Test func `a thousand entries are one batch`() async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(2, in: blue, on: 0)
                try await addPeers(10, guestsEach: 99, to: blue, in: world)
                let reconciler = try world.reconciler(0)
                let clock = ContinuousClock()
                let start = clock.now
                let pass = try await reconciler.pass()
                let first = clock.now - start
                #expect(pass.hasConverged && pass.entryChanges == 1000 && pass.batches == 4)
                let idle = Locked<MeshPass?>(nil)
                let again = try await clock.measure {
                    let pass = try await reconciler.pass()
                    idle.update { $0 = pass }
                }
                #expect(idle.value?.changes == [])

                let host = world.hosts[0].namespace
                try await world.underlay.run("ip link del dev covx100", in: host)
                let tunnel = "ip link add name covx100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning"
                try await world.underlay.run(tunnel, in: host)
                let lines = pass.changes.filter(\.isOfEntries).map { $0.batchLine + "\n" }.joined()
                let byHand = try await clock.measure {
                    try await world.underlay.run("bridge -force -batch -", input: lines, in: host)
                }
                print("mesh: 1,000 entries: pass \(first), again \(again), 'bridge -batch' alone \(byHand)")
            }
        }

        @Test func `what is wanted is read by its indexes`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await addPeers(20, guestsEach: 50, to: blue, in: world)
                try await world.cluster.execute("ANALYZE TABLE interfaces, allowed_addresses, nodes, networks")
                let query = WantedStatements.rowsQuery(on: try world.name(0), of: [blue.vni])
                let plan = try await world.cluster.database.withSession { session in
                    try session.query("EXPLAIN \(sql: query)").map {
                        (table: try $0.get("table", as: String?.self), type: try $0.get("type", as: String?.self))
                    }
                }
                // Few nodes have the network role, and no index says which: all nodes are read, 1,000 at most.
                let scans = plan.filter { $0.type == "ALL" && $0.table?.hasPrefix("<") == false }
                #expect(plan.count >= 5 && scans.allSatisfy { $0.table == "n" }, "\(plan)")
            }
        }

        // MARK: What the tests need

        private func kernel(of world: MeshWorld) async throws -> MeshActual {
            try await IPRoute.mesh(in: world.hosts[0].namespacePath)
        }

        private func devices(of world: MeshWorld) async throws -> [String] {
            let links = try await IPRoute.links(in: world.hosts[0].namespacePath)
            return links.map(\.name).filter { $0.hasPrefix("co") && !$0.hasPrefix("cotap") }.sorted()
        }

        private func attempt(
            _ task: BuiltInTask,
            in world: MeshWorld,
            parameters: String? = nil
        ) async throws -> Attempt {
            let request = OperationRequest(
                tasks: [task.name],
                target: .init(network: try NetworkName("blue"), node: try NodeName("h1")),
                parameters: parameters
            )
            let id = try await world.cluster.queue.enqueue(request).uuid
            let operation = try await world.cluster.operation(id)
            return Attempt(operation: operation, task: task.name, number: 1, node: try NodeName("h1"))
        }

        /// Nodes that exist in the database only.
        private func addPeers(
            _ peers: Int,
            guestsEach: Int,
            to network: MeshWorld.Network,
            in world: MeshWorld
        ) async throws {
            try await world.cluster.database.withTransaction { transaction in
                for peer in 0..<peers {
                    let node = NodeID.new()
                    let address = IPv4Address(rawValue: 0xc633_6401 + UInt32(peer))
                    try transaction.execute(
                        """
                        INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                        VALUES (\(node), \("peer-\(peer)"), \(address), TRUE, FALSE)
                        """
                    )
                    try transaction.session.executeBatch((0..<guestsEach).map { peer * guestsEach + $0 }) { number in
                        let octets = [number / 256, number % 256].map { String(256 + $0, radix: 16).dropFirst() }
                        let mac = "02:01:00:00:" + octets.joined(separator: ":")
                        return """
                            INSERT INTO interfaces (id, network, node, mac, address, hostname)
                            VALUES (\(InterfaceID.new()), \(network.id), \(node), \(mac),
                                \(IPv4Address(rawValue: 0x0a09_0100 + UInt32(number))), \("far-\(number)"))
                            """
                    }
                }
            }
        }
    }
}
