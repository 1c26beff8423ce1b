import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// What a pass does with what others did, and with what is there already.
    @Suite(.serialized) struct EgressRepairTests {
        /// Whether a command only reads.
        private func isRead(_ command: HostCommand) -> Bool {
            switch command.program {
            case .ip: false
            case .nft: command.arguments.contains("list")
            case .sysctl: command.arguments.contains("-n")
            case .bridge, .conntrack: false
            }
        }

        private func writes(_ world: EgressWorld) -> [HostCommand] { world.commands.value.filter { !isRead($0) } }

        @Test func `a pass that finds all as wanted writes nothing, also that of another process`() async throws {
            try await withEgress { world in
                let wanted = try world.both()
                let first = try await world.pass(wanted)
                #expect(first.changed == 2)
                #expect(!writes(world).isEmpty)
                for bridge in ["xbr", "xbr"] {
                    world.commands.update { $0 = [] }
                    let other = EgressReconciler(
                        namespaces: world.namespaces,
                        bridge: try LinkName(bridge),
                        logger: .silent
                    )
                    let pass = try await other.pass(.init(.init(wanted)))
                    #expect(pass.changed == 0 && pass.failures.isEmpty)
                    #expect(writes(world).isEmpty, "\(writes(world))")
                    // The rules of each are listed once; the rest is read without a program.
                    #expect(world.commands.value.count == 2)
                }
            }
        }

        /// What somebody may do inside the namespace, or on the node.
        private static let damages: [(line: String, isInside: Bool)] = [
            ("nft delete table ip conat", true), ("nft flush table ip conat", true),
            ("nft flush map ip conat to_inside", true), ("nft flush chain ip conat forward", true),
            ("nft add element ip conat to_inside { 203.0.113.99 : 10.9.0.99 }", true),
            ("nft insert rule ip conat forward accept", true), ("nft flush set ip conat floats", true),
            ("nft add chain ip conat other", true),
            ("ip addr del 203.0.113.15/32 dev ext0", true), ("ip addr del 203.0.113.10/24 dev ext0", true),
            ("ip addr add 203.0.113.66/32 dev ext0", true), ("ip addr flush dev ext0", true),
            ("ip route del default", true), ("ip route replace default via 203.0.113.7 dev ext0", true),
            ("ip route add 198.51.100.0/24 dev ext0", true), ("ip route del 203.0.113.0/24 dev ext0", true),
            ("ip link set dev ext0 down", true), ("ip link set dev ext0 mtu 1280", true),
            ("ip link set dev ext0 address 02:00:00:00:00:99", true), ("ip link del dev ext0", true),
            ("sysctl -q -w net.ipv4.ip_forward=0", true), ("sysctl -q -w net.ipv4.conf.ext0.arp_ignore=0", true),
            ("ip link set dev coex100 nomaster", false), ("ip link set dev coex100 down", false),
            ("ip link set dev coex100 name other", false), ("ip link set dev coex100 group 7", false),
            ("ip link set dev coex100 master cobr100", false),
        ]

        @Test func `whatever is damaged is repaired by the next pass, and the other network is left alone`()
            async throws
        {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                try await world.open()
                let guest = try await world.guest(12, in: 0)
                let float = EgressWorld.floats[0]
                try await eventually("it is through") { try await world.seen(guest) == float }
                for (line, isInside) in Self.damages {
                    let place = isInside ? "\(try world.inside(0))" : world.node.namespace
                    try await world.underlay.run(line, in: place)
                    let pass = try await world.pass(wanted)
                    #expect(pass.changed == 1, "\(line)")
                    let again = try await world.pass(wanted)
                    #expect(again.changed == 0, "\(line)")
                    try await eventually("through again after '\(line)'") {
                        let seen = try await world.seen(guest)
                        return try await world.reached(float) == EgressWorld.name(12, 0) && seen == float
                    }
                }
            }
        }

        @Test func `a drift check sees what ip sees, and every damage`() async throws {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                let names = try [world.inside(0), world.inside(1)]
                func survey() async throws -> HostSurvey {
                    try await HostSurvey.take(in: world.node.namespacePath, names: names, rows: .none)
                }
                #expect(world.egress.drift(in: try await survey()) == [])
                for (line, isInside) in Self.damages {
                    let place = isInside ? "\(names[0])" : world.node.namespace
                    try await world.underlay.run(line, in: place)
                    let seen = try await survey()
                    #expect(world.egress.drift(in: seen) == [names[0].vni], "\(line)")
                    for name in names {
                        let read = try await IPRoute.devices(in: name.path).first { $0.name == EgressChange.device }
                        let outside = seen.insides[name.vni]?.outside
                        #expect((read == nil) == (outside == nil), "\(line)")
                        guard let read, let outside else { continue }
                        let routes = try await IPRoute.routes(in: name.path)
                        #expect(outside.device.addresses == read.addresses && outside.device.mac == read.mac, "\(line)")
                        #expect(outside.device.mtu == read.mtu && outside.device.isUp == read.isUp, "\(line)")
                        #expect(outside.device.peer == read.peer && outside.routes == routes, "\(line)")
                    }
                    try await world.pass(wanted)
                    #expect(world.egress.drift(in: try await survey()) == [], "\(line)")
                }
                // Of what is not wanted any more nothing is missed.
                try await world.pass([wanted[1]])
                #expect(world.egress.drift(in: try await survey()) == [])
            }
        }

        @Test func `an end inside whose veth was renamed goes with what is not wanted any more`() async throws {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                try await world.underlay.run("ip link set dev coex100 name other", in: world.node.namespace)
                #expect(try await world.pass([wanted[1]]).changed == 1)
                let inside = "\(try world.inside(0))"
                #expect(try await !world.underlay.run("ip -o link show", in: inside).contains("ext0"))
                #expect(try await world.underlay.run("nft list ruleset ip", in: inside) == "")
                let links = try await world.underlay.run("ip -o link show", in: world.node.namespace)
                #expect(!links.contains("other") && links.contains("coex200"))
                #expect(try await world.pass([wanted[1]]).changed == 0)
            }
        }

        @Test func `what is not wanted any more leaves nothing behind`() async throws {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                try await world.open()
                let guest = try await world.guest(12, in: 0)
                try await eventually("it is through") { try await world.seen(guest) == EgressWorld.floats[0] }
                // A pass of one network takes nothing from another.
                let second = EgressReconciler.Scope(only: [try world.vni(1)], .init([wanted[1]]))
                #expect(try await world.egress.pass(second).changed == 0)
                #expect(try await world.pass([wanted[1]]).changed == 1)
                let inside = "\(try world.inside(0))"
                let links = try await world.underlay.run("ip -o link show", in: world.node.namespace)
                #expect(!links.contains("coex100") && links.contains("coex200") && links.contains("cogw100"))
                #expect(try await world.underlay.run("nft list ruleset ip", in: inside) == "")
                #expect(try await world.underlay.run("sysctl -n net.ipv4.ip_forward", in: inside) == "0\n")
                #expect(try await world.underlay.run("ip route show default", in: inside) == "")
                #expect(try await !world.underlay.run("ip -o link show", in: inside).contains("ext0"))
                let left = try await world.run(["conntrack", "-L"], in: inside).text
                #expect(!left.contains("203.0.113.1"), "\(left)")
                #expect(try await world.seen(guest) == nil)
                #expect(try await world.pass([wanted[1]]).changed == 0)
                // A network that goes as a whole takes its egress along, also where something lives on inside.
                try await world.start(["sleep", "600"], in: "\(try world.inside(1))")
                #expect(try await world.namespaces.delete(try world.vni(1)))
                let after = try await world.underlay.run("ip -o link show", in: world.node.namespace)
                #expect(!after.contains("coex") && !after.contains("cogw200"), "\(after)")
            }
        }

        @Test func `at the daemon's end the veths outside go down with the others`() async throws {
            try await withEgress { world in
                try await world.pass(try world.both())
                try await world.namespaces.lowerVeths()
                let up = try await world.underlay.run("ip -o link show up", in: world.node.namespace)
                #expect(!up.contains("coex") && !up.contains("cogw"), "\(up)")
            }
        }

        @Test(arguments: [nil, "nowhere", "xport"])
        func `a bridge that is not there, or none, is a problem that says so`(bridge: String?) async throws {
            try await withEgress(bridge: bridge, networks: 1) { world in
                let wanted = try world.wanted(0)
                let pass = try await world.egress.pass(.init(.init([wanted])))
                let said = pass.failures[try world.vni(0)].map { "\($0)" } ?? "nothing"
                #expect(said.contains("network.external_bridge") && said.contains(bridge ?? "no "), "\(said)")
                #expect(writes(world).allSatisfy { !$0.arguments.contains { $0.contains("coex") } })
            }
        }

        @Test func `many networks are made, and found as wanted, in a time that maintenance can spend`() async throws {
            try await withEgress(networks: 30) { world in
                let wanted = try (0..<30).map { index in
                    try world.wanted(index, own: "203.0.113.\(100 + index)")
                }
                let clock = ContinuousClock()
                let making = try await clock.measure { try await world.pass(wanted) }
                let passing = try await clock.measure { try await world.pass(wanted) }
                let names = try (0..<30).map { try world.inside($0) }
                let start = clock.now
                let survey = try await HostSurvey.take(in: world.node.namespacePath, names: names, rows: .none)
                let asked = clock.now
                #expect(world.egress.drift(in: survey) == [] && survey.insides.values.count { $0.outside != nil } == 30)
                print("egress of 30 networks: made in \(making), passed over in \(passing)")
                print("asked about it in \(asked - start), compared in \(clock.now - asked)")
                #expect(making < .seconds(30) && passing < .seconds(10))
            }
        }
    }
}
