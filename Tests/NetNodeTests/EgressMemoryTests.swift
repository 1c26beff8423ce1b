import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// The state that drift checks compare the kernel with after an egress was changed.
    @Suite(.serialized) struct EgressMemoryTests {
        private func survey(_ world: EgressWorld, _ networks: Int) async throws -> HostSurvey {
            try await HostSurvey.take(
                in: world.node.namespacePath,
                names: try (0..<networks).map(world.inside),
                rows: .none
            )
        }

        @Test func `a first pass that has nothing to do knows the egress too, and forgets what is gone`()
            async throws
        {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                let other = EgressReconciler(
                    namespaces: world.namespaces,
                    bridge: try LinkName("xbr"),
                    logger: .silent
                )
                #expect(try await other.pass(.init(.init(wanted))).changed == 0)
                try await world.underlay.run("ip link del dev coex100", in: world.node.namespace)
                #expect(other.drift(in: try await survey(world, 2)) == [wanted[0].vni])
                #expect(try await world.namespaces.delete(wanted[0].vni))
                #expect(try await other.pass(.init(.init([wanted[1]]))).changed == 0)
                #expect(other.drift(in: try await survey(world, 2)) == [])
            }
        }

        @Test func `what nobody has changed costs no process, and a setting that somebody has is found`() async throws {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                world.commands.update { $0 = [] }
                #expect(try await world.egress.pass(.init(.init(wanted))).changed == 0)
                #expect(world.commands.value == [])
                for (key, value) in EgressSettings.all {
                    let other = value == "0" ? "1" : "0"
                    try await world.underlay.run("sysctl -q -w \(key)=\(other)", in: "\(try world.inside(0))")
                    #expect(world.egress.drift(in: try await survey(world, 2)) == [wanted[0].vni], "\(key)")
                    #expect(try await world.egress.pass(.init(.init(wanted))).changed == 1, "\(key)")
                    #expect(world.egress.drift(in: try await survey(world, 2)) == [], "\(key)")
                }
            }
        }

        @Test func `without its bridge a pass starts no program for what it cannot make; a drift check finds it later`()
            async throws
        {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass([wanted[1]])
                try await world.underlay.run("ip link set dev xbr name away", in: world.node.namespace)
                func pass(_ wanted: [EgressWanted]) async throws -> EgressReconciler.Pass {
                    world.commands.update { $0 = [] }
                    return try await world.egress.pass(.init(.init(wanted)))
                }
                let failed = try await pass(wanted)
                #expect(Set(failed.failures.keys) == Set(wanted.map(\.vni)) && failed.wanted.count == 2)
                #expect(world.commands.value == [])
                #expect(world.egress.drift(in: try await survey(world, 2)) == [])
                // What is not wanted any more goes all the same.
                let taken = try await pass([wanted[0]])
                #expect(taken.changed == 1 && Set(taken.failures.keys) == [wanted[0].vni])
                let links = try await world.underlay.run("ip -o link show", in: world.node.namespace)
                #expect(!links.contains("coex"), "\(links)")
                try await world.underlay.run("ip link set dev away name xbr", in: world.node.namespace)
                #expect(world.egress.drift(in: try await survey(world, 2)) == [wanted[0].vni])
                #expect(try await pass([wanted[0]]).changed == 1)
            }
        }

        @Test func `for an address made before a later step failed the pass that succeeds sends gratuitous ARP`()
            async throws
        {
            struct NoRules: Error {}
            try await withEgress(networks: 1) { world in
                try await world.pass([try world.wanted(0)])
                let wanted = try world.wanted(0, floats: [EgressWorld.floats[0]: 12])
                func sendings() -> Int {
                    let line = ["link", "set", "dev", "ext0", "address", "\(wanted.mac)"]
                    return world.commands.value.count { $0.arguments == line }
                }
                let before = sendings()
                world.delay.update {
                    $0 = { command in if command.program == .nft, command.input != nil { throw NoRules() } }
                }
                let failed = try await world.egress.pass(.init(.init([wanted])))
                #expect(failed.failures[wanted.vni] is NoRules)
                let inside = "\(try world.inside(0))"
                let addresses = try await world.underlay.run("ip -o -4 addr show dev ext0", in: inside)
                #expect(addresses.contains(EgressWorld.floats[0]) && sendings() == before)
                world.delay.update { $0 = nil }
                try await world.pass([wanted])
                #expect(sendings() == before + 1)
                try await world.pass([wanted])
                #expect(sendings() == before + 1)
            }
        }
    }
}

@Suite struct EgressMemoryStateTests {
    private func wanted(_ vni: Int, own: String = "203.0.113.10") throws -> EgressWanted {
        EgressWanted(
            network: .new(),
            vni: try VNI(vni),
            cidr: try CIDR("10.9.0.0/24"),
            generation: 1,
            external: try CIDR("203.0.113.0/24"),
            gateway: try IPv4Address("203.0.113.1"),
            address: try IPv4Address(own),
            floats: [:]
        )
    }

    @Test func `a pass that was cut short leaves what is wanted now, and not as it is wanted`() throws {
        var memory = EgressMemory()
        let (old, new) = (try wanted(100), try wanted(100, own: "203.0.113.20"))
        memory.note(old, rules: 7)
        #expect(memory.left[old.vni] == .init(wanted: old, rules: 7, wasReached: true))
        memory.begin(new, owesGratuitousARP: false)
        #expect(memory.left[old.vni] == .init(wanted: new, rules: nil))
        memory.forget(new.vni)
        #expect(memory.left.isEmpty)
    }

    @Test func `what was reached stays reached while the same is wanted, and what was never reached is not`() throws {
        var memory = EgressMemory()
        let (old, new) = (try wanted(100), try wanted(100, own: "203.0.113.20"))
        memory.note(old, rules: nil)
        #expect(!memory.wasReached(old))
        memory.note(old, rules: 7)
        // A repair that fails.
        memory.begin(old, owesGratuitousARP: false)
        #expect(memory.wasReached(old) && !memory.wasReached(new))
        memory.begin(new, owesGratuitousARP: false)
        #expect(!memory.wasReached(old) && !memory.wasReached(new))
    }

    @Test func `gratuitous ARP is sent once, when its network is as it is wanted`() throws {
        var memory = EgressMemory()
        let (first, second) = (try wanted(100), try wanted(200))
        memory.begin(first, owesGratuitousARP: true)
        memory.begin(second, owesGratuitousARP: false)
        #expect(memory.takeOwedGratuitousARP(of: [first.vni]) == [], "it is in the middle")
        for wanted in [first, second] { memory.note(wanted, rules: 1) }
        #expect(memory.takeOwedGratuitousARP(of: [second.vni]) == [])
        #expect(memory.takeOwedGratuitousARP(of: [first.vni, second.vni]) == [first])
        #expect(memory.takeOwedGratuitousARP(of: [first.vni]) == [])
        memory.oweGratuitousARP(of: [first])
        #expect(memory.takeOwedGratuitousARP(of: [first.vni]) == [first])
    }
}
