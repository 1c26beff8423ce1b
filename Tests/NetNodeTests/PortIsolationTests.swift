import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// Ports that belong to no guest of their network.
    @Suite(.serialized) struct PortIsolationTests {
        /// Plugs a guest in that no interface is of.
        private func stranger(
            _ world: PortWorld,
            mark: NamespaceHosts.PortMark = .none
        ) async throws -> NamespaceHosts.Guest {
            try await world.mesh.underlay.addGuest(
                to: world.host,
                vni: world.blue.vni,
                mac: try world.mesh.mac(14, in: world.blue),
                address: try world.mesh.address(14),
                mark: mark
            )
        }

        /// Compares the pings that are answered by the victim, by the guest on the other host and by the gateway.
        private func expect(
            _ world: PortWorld,
            _ guest: NamespaceHosts.Guest,
            reaches expected: [Int],
            at location: SourceLocation = #_sourceLocation
        ) async throws {
            var answers: [Int] = []
            for (index, target) in [world.victim.address, world.far.address, try world.server.address].enumerated() {
                // A kernel that has asked in vain asks again for some seconds before it begins anew.
                for _ in 1...(expected[index] == 0 ? 1 : 5) where answers.count == index || answers[index] == 0 {
                    let answer = try await world.mesh.underlay.ping(from: guest, to: target)
                    answers = answers.prefix(index) + [answer]
                }
            }
            #expect(answers == expected, sourceLocation: location)
        }

        @Test func `a port that no rule names passes nothing from the moment in which it is plugged in`() async throws {
            try await withPorts { world in
                // No run comes between the plug and the attack.
                let guest = try await stranger(world)
                try await expect(world, guest, reaches: [0, 0, 0])
                #expect(try await world.mesh.underlay.ping(from: world.victim, to: guest.address) == 0)
                let heard = try RawPort("eth0", in: guest.namespace)
                _ = try await world.settle(try RawPort("eth0", in: world.attacker.namespace), try world.observers())
                #expect(!heard.frames().contains { $0.dropFirst(6).prefix(6) == world.attacker.mac.octets[...] })
                // Without the table it is the port's settings that isolate it.
                try await world.bring()
                try await world.onHost("nft delete table bridge coports")
                try await expect(world, guest, reaches: [0, 0, 0])
                #expect(try await world.mesh.underlay.ping(from: world.victim, to: guest.address) == 0)
            }
        }

        @Test func `a stranger is a problem of its network until it is gone or known`() async throws {
            try await withPorts { world in
                #expect(try await world.problems() == [])
                let guest = try await stranger(world)
                try await world.bring()
                let problem = try #require(try await world.problems().first)
                #expect(problem.hasPrefix("port '\(guest.port)' is isolated: it has no alias"), "\(problem)")
                try await expect(world, guest, reaches: [0, 0, 0])
                // Its interface is added, and its hypervisor says whose port it is.
                try await world.mesh.want(14, in: world.blue, on: 0)
                let id = try #require(try await world.mesh.interface(14, in: world.blue))
                try await world.onHost("ip link set dev \(guest.port) alias clusterops:\(id)")
                try await world.bring()
                #expect(try await world.problems() == [])
                try await expect(world, guest, reaches: [1, 1, 1])
                // The interface goes, the guest stays.
                try await world.mesh.drop(14, in: world.blue)
                try await world.bring()
                try await expect(world, guest, reaches: [0, 0, 0])
                let second = try #require(try await world.problems().first)
                #expect(second.contains("interface \(id) of its alias is not one of the network on this node"))
                try await world.onHost("ip link del dev \(guest.port)")
                try await world.bring()
                #expect(try await world.problems() == [])
            }
        }

        @Test func `a tap as libvirt makes it is known by its hardware address`() async throws {
            try await withPorts { world in
                try await world.mesh.want(14, in: world.blue, on: 0)
                let guest = try await stranger(world, mark: .tap)
                try await world.bring()
                try await expect(world, guest, reaches: [1, 1, 1])
                #expect(try await world.problems() == [])
            }
        }

        @Test func `a network that was removed leaves a guest that is still plugged in nobody to speak to`()
            async throws
        {
            try await withPorts { world in
                try await expect(world, world.attacker, reaches: [1, 1, 1])
                try await world.mesh.cluster.execute("DELETE FROM interfaces")
                try await world.mesh.cluster.execute("DELETE FROM networks")
                let outcome = try await world.loops[0].reconcile(
                    .network(world.blue.vni),
                    .operation,
                    removing: .all
                )
                guard case .vetoed(let devices)? = outcome.removal else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(devices == [world.attacker.port, world.victim.port])
                #expect(try await world.mesh.underlay.ping(from: world.attacker, to: world.victim.address) == 0)
                // Another network gets the VNI: its tunnel does not carry what the old guest says.
                #expect(try await world.mesh.underlay.ping(from: world.attacker, to: world.far.address) == 0)
            }
        }

        @Test func `without port security every port takes part, and what had it is unlocked`() async throws {
            try await withPorts { world in
                let guest = try await stranger(world)
                try await world.bring()
                try await world.mesh.cluster.execute("UPDATE networks SET port_security = FALSE")
                try await world.bring()
                #expect(try await world.problems() == [])
                try await expect(world, guest, reaches: [1, 1, 1])
                #expect(try await !world.onHost("bridge -d link show").contains("locked on"))
                try await world.mesh.cluster.execute("UPDATE networks SET port_security = TRUE")
                try await world.bring()
                try await expect(world, guest, reaches: [0, 0, 0])
                try await expect(world, world.attacker, reaches: [1, 1, 1])
            }
        }

        @Test func `ports that are as they are wanted cost no program, and thirty new ones two`() async throws {
            try await withPorts { world in
                world.mesh.commands.update { $0 = [] }
                try await world.bring()
                #expect(world.mesh.commands.value == [])
                for number in 30..<60 {
                    try await world.mesh.want(number, in: world.blue, on: 0)
                    let mac = try world.mesh.mac(number, in: world.blue)
                    try await world.onHost("ip link add name tap\(number) type veth peer name pat\(number)")
                    try await world.onHost(
                        "ip link set dev tap\(number) address fe\(mac.description.dropFirst(2)) master cobr100 up"
                    )
                }
                world.mesh.commands.update { $0 = [] }
                _ = try await world.loops[0].reconcile(.network(world.blue.vni), .operation)
                #expect(world.mesh.commands.value.map(\.program) == [.bridge, .nft])
                #expect(try await world.problems() == [])
            }
        }
    }
}
