import ClusterModel
import ClusterOpsTestKit
import Testing

@testable import NetNode

extension NamespaceTests {
    /// The tables of a node are made anew at each renewal of its election and at each change of its ports, while guests
    /// send.
    @Suite(.serialized) struct TableReplacementTests {
        /// A table that frames to or from a guest pass, by the name of what decides.
        enum Table: CaseIterable, Sendable {
            case addresses, ranges, nodes, gate
        }

        /// Makes a table anew on the first host.
        private func replace(_ table: Table, in world: PortWorld, isPassable: Bool) async throws {
            let hosts = world.mesh.hosts.map(\.address)
            var access = UnderlayAccess(interface: nil, nodes: [hosts[1]], local: [hosts[0]])
            let script: String
            switch table {
            case .gate:
                script = GateTable.script(openFor: isPassable ? .seconds(60) : nil, access)
            case .nodes:
                if !isPassable { access.nodes = [] }
                script = GateTable.script(openFor: .seconds(60), access)
            case .addresses, .ranges:
                let own = isPassable ? world.attacker.address : try IPv4Address("10.9.0.77")
                let port = PortRules.Port(
                    device: try LinkName(world.attacker.port),
                    mac: world.attacker.mac,
                    sources: [IPv4CIDR(masking: own, to: table == .ranges ? 30 : 32)]
                )
                let gateway = try world.server.address
                script = PortTable.script([PortRules(vni: world.blue.vni, gateway: gateway, ports: [port])], [:])
            }
            _ = try await world.mesh.underlay.run("nft -f -", input: script, in: world.host.namespace)
        }

        @Test(arguments: Table.allCases)
        func `a table that is made anew drops nothing of what it lets pass`(_ table: Table) async throws {
            try await withPorts { world in
                let underlay = world.mesh.underlay
                let target = table == .gate ? try world.server.address : world.far.address
                try await replace(table, in: world, isPassable: true)
                try await eventually("it is answered") {
                    try await underlay.ping(from: world.attacker, to: target) == 1
                }
                let sent = 50_000
                var replacements = 0
                // On a busy machine one flood is over after a few of them.
                repeat {
                    let isOver = Locked(false)
                    async let answers = {
                        defer { isOver.update { $0 = true } }
                        return try await underlay.flood(from: world.attacker, to: target, count: sent)
                    }()
                    while !isOver.value {
                        try await replace(table, in: world, isPassable: true)
                        replacements += 1
                    }
                    #expect(try await answers == sent)
                } while replacements <= 10
            }
        }

        @Test(arguments: Table.allCases)
        func `a table that is made anew lets nothing pass of what it drops`(_ table: Table) async throws {
            try await withPorts { world in
                let attacker = (mac: world.attacker.mac, address: world.attacker.address)
                let far = (mac: world.far.mac, address: world.far.address)
                let server = (mac: MACAddress.gateway(of: world.blue.vni), address: try world.server.address)
                let way =
                    switch table {
                    case .addresses, .ranges: (attacker, ("eth0", world.attacker.namespace), far, world.far)
                    case .nodes: (far, ("eth0", world.far.namespace), attacker, world.attacker)
                    case .gate: (server, ("gw0", world.inside), attacker, world.attacker)
                    }
                let (source, sender, target, hearer) = way
                let wire = try RawPort(sender.0, in: sender.1)
                let ear = try RawPort("eth0", in: hearer.namespace)
                let frame = GuestFrame.datagram(from: source, to: (target.mac, target.address, 7777), Array("x".utf8))
                // What never arrives would prove nothing.
                try await replace(table, in: world, isPassable: true)
                try await eventually("it arrives") {
                    try wire.send(frame)
                    return ear.frames().contains { $0.starts(with: frame) }
                }
                try await replace(table, in: world, isPassable: false)
                _ = ear.frames()
                let isOver = Locked(false)
                async let sent = {
                    var sent = 0
                    while !isOver.value {
                        for _ in 1...100 { try wire.send(frame) }
                        sent += 100
                        await Task.yield()
                    }
                    return sent
                }()
                for _ in 1...60 { try await replace(table, in: world, isPassable: false) }
                isOver.update { $0 = true }
                #expect(try await sent > 1000)
                let passed = ear.frames().filter { $0.starts(with: frame) }.count
                #expect(passed == 0)
            }
        }

        @Test func `no table of a node has a set of intervals, named or not`() throws {
            let address = try IPv4Address("10.9.0.1")
            let port = PortRules.Port(
                device: try LinkName("vnet0"),
                mac: .gateway(of: try VNI(100)),
                sources: [IPv4CIDR(masking: address, to: 24)]
            )
            let ports = PortTable.script([PortRules(vni: try VNI(100), gateway: address, ports: [port])], [:])
            let gate = GateTable.script(openFor: nil, UnderlayAccess(interface: nil, nodes: [address]))
            let sources = SourceTable.script([.open(try VNI(100), ports: [try LinkName("vnet0")])], [:])
            for script in [ports, sources, gate, NamespaceGate.script] {
                #expect(script.contains("table") && !script.contains("interval"))
                // What stands in braces without a name may not have a wildcard, a range or a prefix.
                #expect(script.firstMatch(of: /(?:name|addr) \{/) == nil)
            }
        }

        @Test func `a listing is the same whatever the order in which the kernel keeps the elements`() {
            func listing(_ elements: String) -> String {
                "table inet x {\n\tset nodes {\n\t\telements = { \(elements) }\n\t}\n}\n"
            }
            let one = GateTable.inOneOrder(listing("10.0.0.2, 10.0.0.1,\n\t\t\t     10.0.0.3"))
            #expect(one == GateTable.inOneOrder(listing("10.0.0.3,\n\t\t\t10.0.0.1, 10.0.0.2")))
            #expect(one == listing("10.0.0.1, 10.0.0.2, 10.0.0.3"))
            #expect(one != GateTable.inOneOrder(listing("10.0.0.1, 10.0.0.2")))
        }
    }
}
