import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import NetNode
import Testing

extension NamespaceTests {
    /// The kernel's side of "never two": real frames between a guest and the network's namespace.
    @Suite(.serialized) struct GateTests {
        private struct World: Sendable {
            let mesh: MeshWorld
            let network: MeshWorld.Network
            let namespaces: NamespaceReconciler
            let gate: Gate
            let guest: NamespaceHosts.Guest
            let wanted: NamespaceWanted

            /// Opens the gate for as long.
            func open(for time: Duration) async throws {
                #expect(try await gate.open(under: tenure(time)))
                try await namespaces.openGates(under: tenure(time))
            }

            func tenure(_ time: Duration) -> Tenure {
                Tenure(lease: "test", term: 1, holder: .new(), until: .now + time)
            }

            var name: NamespaceName { namespaces.name(network.vni) }

            func isReached() async throws -> Bool {
                try await mesh.underlay.ping(from: guest, to: wanted.address) == 1
            }

            /// Not at once: a guest that got no answer asks for the gateway's hardware address once a second.
            func becomesReached(_ what: String) async throws {
                try await eventually(what, within: .seconds(5), isReached)
            }

            func host(_ line: String) async throws {
                _ = try await mesh.underlay.run(line, in: mesh.hosts[0].namespace)
            }
        }

        /// One host with a network, its namespace, a closed gate and a guest.
        private func withWorld(_ body: @Sendable (World) async throws -> Void) async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { mesh in
                let network = try await mesh.addNetwork("blue", vni: 100)
                let host = mesh.hosts[0]
                let gate = Gate(namespace: host.namespacePath, logger: .silent)
                try await gate.close()
                try await mesh.passEverywhere()
                let namespaces = NamespaceReconciler(
                    prefix: host.namespacePrefix,
                    namespace: host.namespacePath,
                    logger: .silent
                )
                let wanted = NamespaceWanted(
                    vni: network.vni,
                    mtu: try MTU(1450),
                    address: try IPv4Address("10.9.0.1"),
                    prefixLength: 24
                )
                #expect(try await namespaces.pass([wanted]).isEmpty)
                let guest = try await mesh.start(11, in: network, on: 0)
                let world = World(
                    mesh: mesh,
                    network: network,
                    namespaces: namespaces,
                    gate: gate,
                    guest: guest,
                    wanted: wanted
                )
                try await body(world)
            }
        }

        @Test func `it is closed until it is opened, closes by itself, and can be opened after that`() async throws {
            try await withWorld { world in
                #expect(try await !world.isReached())
                try await world.open(for: .seconds(30))
                try await world.becomesReached("the gateway answers")
                try await world.gate.extend(world.tenure(.milliseconds(300)))
                try await eventually("the kernel closes it", within: .seconds(5)) { try await !world.isReached() }
                try await world.gate.extend(world.tenure(.seconds(30)))
                try await world.becomesReached("an element that has expired is no obstacle")
                try await world.gate.close()
                #expect(try await !world.isReached())
                try await world.gate.extend(world.tenure(.seconds(30)))
                #expect(try await !world.isReached(), "what falls silent stays silent until it is opened again")
            }
        }

        @Test func `a deadline that has passed opens nothing`() async throws {
            try await withWorld { world in
                let wasOpened = try await world.gate.open(under: world.tenure(.seconds(-1)))
                #expect(!wasOpened)
                #expect(try await !world.isReached())
            }
        }

        @Test func `a tenure that ended before its opening got its turn opens nothing, and repair goes on`()
            async throws
        {
            try await withWorld { world in
                let tenure = world.tenure(.seconds(60))
                tenure.finish()
                #expect(try await !world.gate.open(under: tenure))
                try await world.host("nft add element bridge coplane live { 4711 }")
                try await world.namespaces.openGates(under: tenure)
                #expect(try await !world.isReached(), "the namespace's own gate is closed too")
                try await world.namespaces.openGates(under: world.tenure(.seconds(60)))
                try await world.becomesReached("an element without a timeout opens it for good")
                #expect(try await world.gate.repair())
                #expect(try await !world.isReached())
            }
        }

        @Test func `nft needs nothing of us once it is started: a netnode that is stopped then feeds it nothing late`()
            async throws
        {
            let commands = Locked<[HostCommand]>([])
            let runner = HostCommandRunner { command in
                commands.update { $0.append(command) }
                return HostCommand.Output(exit: .code(0), text: "", complaint: "")
            }
            let gate = Gate(runner: runner, logger: .silent)
            let tenure = Tenure(lease: "test", term: 1, holder: .new(), until: .now + .seconds(3))
            #expect(try await gate.open(under: tenure))
            let opening = try #require(commands.value.first)
            #expect(opening.program == .nft && opening.input == nil)
            let notAfter = try #require(opening.notAfter)
            #expect(notAfter < .now + .milliseconds(300) && opening.timeout < .seconds(1))
            // On a busy machine; nothing follows from it that could come too late.
            commands.update { $0 = [] }
            try await gate.close()
            #expect(commands.value.first?.timeout ?? .zero > .seconds(5))
        }

        @Test func `a port that loses its group falls silent, and a flush is healed by the next renewal or repair`()
            async throws
        {
            try await withWorld { world in
                try await world.open(for: .seconds(30))
                try await world.host("ip link set dev cogw100 group default")
                #expect(try await !world.isReached())
                #expect(try await world.namespaces.pass([world.wanted]).isEmpty)
                try await world.becomesReached("the next pass gives it back")

                try await world.host("nft flush ruleset")
                try await world.gate.extend(world.tenure(.milliseconds(200)))
                try await eventually("it closes", within: .seconds(5)) { try await !world.isReached() }

                try await world.gate.close()
                #expect(try await !world.gate.repair(), "nothing to repair")
                try await world.host("nft flush ruleset")
                try await world.becomesReached("without the node's rules everything passes that the namespace says")
                try await world.namespaces.closeGates()
                #expect(try await !world.isReached(), "which is nothing while its own gate is closed")
                try await world.namespaces.openGates(under: world.tenure(.seconds(30)))
                try await world.becomesReached("and all once that is open")
                #expect(try await world.gate.repair())
                #expect(try await !world.isReached())
            }
        }

        @Test func `a repair starts a program only after somebody has changed a rule of the node`() async throws {
            try await withWorld { world in
                let commands = Locked(0)
                let runner = HostCommandRunner { command in
                    commands.update { $0 += 1 }
                    return try await HostCommandRunner.processes.output(command)
                }
                let gate = Gate(namespace: world.mesh.hosts[0].namespacePath, runner: runner, logger: .silent)
                func programs(_ repaired: Bool) async throws -> Int {
                    commands.update { $0 = 0 }
                    #expect(try await gate.repair() == repaired)
                    return commands.value
                }
                try await gate.close()
                #expect(try await programs(false) == 0)
                try await world.host("nft add table ip another")
                #expect(try await programs(false) > 0, "a change of whatever kind is looked at")
                #expect(try await programs(false) == 0, "and once")
                try await world.host("nft flush ruleset")
                #expect(try await programs(true) > 0)
                #expect(try await programs(false) == 0)
            }
        }

        @Test func `every damage to a namespace is repaired, also what damage to the bridge means for it`() async throws
        {
            try await withWorld { world in
                try await world.open(for: .seconds(60))
                let name = world.name
                @Sendable func inside(_ line: String) async throws {
                    _ = try await world.mesh.underlay.run(line, in: "\(name)")
                }
                let damages: [@Sendable () async throws -> Void] = [
                    { try await inside("ip addr flush dev gw0") },
                    { try await inside("ip link set dev gw0 down") },
                    { try await inside("ip link set dev gw0 address 02:00:00:00:00:77") },
                    { try await inside("ip link del dev gw0") },
                    { try await world.host("ip link set dev cogw100 nomaster") },
                    { try await world.host("ip link set dev cogw100 down") },
                    { try await world.host("ip link del dev cobr100") },
                    { try await world.host("ip netns del \(name)") },
                ]
                for (number, damage) in damages.enumerated() {
                    try await damage()
                    try await world.mesh.passEverywhere()
                    #expect(try await world.namespaces.pass([world.wanted]).isEmpty, "damage \(number)")
                    if number == 6 {
                        // The guest's port went with the bridge; its hypervisor plugs it in again.
                        try await world.mesh.underlay.plug(
                            world.guest,
                            into: world.mesh.hosts[0],
                            vni: world.network.vni
                        )
                    }
                    try await eventually("the gateway answers after damage \(number)") { try await world.isReached() }
                }
                #expect(try await world.namespaces.delete(world.network.vni))
                #expect(name.presence == .absent)
                #expect(try await !world.namespaces.delete(world.network.vni), "nothing is left to take away")
            }
        }
    }
}
