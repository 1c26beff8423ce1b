import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterStore
@testable import NetNode

/// The comparison of the kernel's tables of ports with what was made.
@Suite struct PortTablesTests {
    private let vnis: [VNI]
    private let rules: [VNI: PortRules]

    init() throws {
        vnis = try [100, 200].map { try VNI($0) }
        let port = PortRules.Port(device: try LinkName("vnet0"), mac: try MACAddress("52:54:00:00:00:01"), sources: [])
        rules = [
            vnis[0]: PortRules(vni: vnis[0], gateway: nil, ports: [port]),
            vnis[1]: .open(vnis[1], ports: [try LinkName("vnet9")]),
        ]
    }

    private func survey(_ handles: [BridgeTableName: UInt64]) -> HostSurvey {
        HostSurvey(links: [:], entries: [:], stations: [:], tables: handles, insides: [:])
    }

    private func made(_ contents: [UInt8]? = [1]) -> PortTables {
        var tables = PortTables()
        for (name, handle) in [(BridgeTableName.ports, UInt64(7)), (.sources, 8)] {
            tables.note(.init(rules: name.part(of: rules), handle: handle, contents: contents), of: name, after: 0)
        }
        return tables
    }

    @Test func `a table is made anew for another rule or another handle, and not for a guest of another table`() throws
    {
        let (whole, tables) = (survey([.ports: 7, .sources: 8]), made())
        #expect(PortTables().due(for: [:], in: whole) == [.ports, .sources])
        #expect(tables.due(for: rules, in: whole).isEmpty && tables.differences(from: rules, in: whole) == [])
        #expect(tables.due(for: rules, in: survey([.ports: 7])) == [.sources])
        #expect(tables.damaged(in: survey([.ports: 9, .sources: 8])) == [.ports])
        #expect(tables.differences(from: rules, in: survey([.ports: 9, .sources: 8])) == nil)
        var other = rules
        other[vnis[1]] = .open(vnis[1], ports: [])
        #expect(tables.due(for: other, in: whole) == [.sources])
        #expect(tables.differences(from: other, in: whole) == [vnis[1]])
        other = rules
        other[vnis[0]] = PortRules(vni: vnis[0], gateway: nil, ports: [])
        #expect(tables.due(for: other, in: whole) == [.ports], "what bridges have learned is counted on")
        other[vnis[1]] = nil
        #expect(tables.differences(from: other, in: whole) == Set(vnis))
    }

    @Test func `lost events are damage only where the contents differ`() throws {
        let whole = survey([.ports: 7, .sources: 8])
        var tables = made()
        #expect(!tables.isInDoubt)
        tables.noteLoss()
        #expect(tables.isInDoubt && tables.due(for: rules, in: whole).isEmpty, "nothing is known yet")
        tables.note([.ports: [1], .sources: [1]], after: tables)
        #expect(!tables.isInDoubt && tables.due(for: rules, in: whole).isEmpty)
        tables.noteLoss()
        tables.note([.ports: [1, 2], .sources: [1]], after: tables)
        #expect(tables.damaged(in: whole) == [.ports])
        // Of which it is not known what they were: made anew, and no damage.
        tables = made(nil)
        tables.noteLoss()
        tables.note([.ports: [1], .sources: [1]], after: tables)
        #expect(tables.damaged(in: whole).isEmpty && tables.due(for: rules, in: whole) == [.ports, .sources])
        tables.note(.init(rules: BridgeTableName.ports.part(of: rules), handle: 9, contents: [1]), of: .ports, after: 0)
        #expect(tables.due(for: rules, in: survey([.ports: 9, .sources: 8])) == [.sources])
    }

    @Test func `what was read before another loss, or of a table that was made anew since, settles nothing`() throws {
        var tables = made()
        tables.noteLoss()
        let before = tables
        tables.noteLoss()
        tables.note(.init(rules: BridgeTableName.ports.part(of: rules), handle: 9, contents: [3]), of: .ports, after: 0)
        tables.note([.ports: [1], .sources: [1]], after: before)
        #expect(tables.isInDoubt)
        #expect(tables.damaged(in: survey([.ports: 9, .sources: 8])).isEmpty)
        tables.noteChange()
        #expect(tables.damaged(in: survey([.ports: 9, .sources: 8])) == [.ports, .sources])
        // The change came while it was made, and may have been to this very table.
        let again = PortTables.Made(rules: BridgeTableName.ports.part(of: rules), handle: 10, contents: [1])
        tables.note(again, of: .ports, after: 0)
        #expect(tables.damaged(in: survey([.ports: 10, .sources: 8])) == [.ports, .sources])
        tables.note(again, of: .ports, after: 1)
        #expect(tables.damaged(in: survey([.ports: 10, .sources: 8])) == [.sources])
    }

    @Test func `a network of which nothing could ever be read has its ports closed`() throws {
        let ports = PortReconciler(logger: .silent)
        ports.note([], unreadable: [.init(id: .new(), vni: vnis[0], reason: "why")], of: nil)
        var port = BridgePort.standard
        port.floods = false
        let link = Link(
            name: "vnet0",
            index: 5,
            mtu: 1450,
            isUp: true,
            master: "cobr100",
            kind: "veth",
            ipv6AddressMode: nil,
            tunnel: nil,
            port: port
        )
        let survey = HostSurvey(
            links: ["vnet0": link],
            entries: [:],
            stations: [:],
            tables: [:],
            insides: [:]
        )
        #expect(ports.drift(in: survey, isServing: false) == [vnis[0]])
        let closed = PortsWanted(unreadable: .new(), vni: vnis[0])
        let diff = PortDiff(from: survey, to: [closed], isServing: false)
        #expect(diff.changes.first?.step == .set(.isolated) && diff.strangers[vnis[0]]?.count == 1)
    }
}

extension NamespaceTests {
    /// The same in a kernel.
    @Suite(.serialized) struct PortTableContentsTests {
        /// The handle and the rules of the table of ports, as `nft` lists them.
        private func table(_ world: PortWorld) async throws -> String {
            try await world.onHost("nft --stateless --handle --terse list table bridge coports")
        }

        @Test func `lost events of rules remake no table that is as it was, and count no drift`() async throws {
            try await withPorts { world in
                let loop = world.loops[0]
                let before = try await table(world)
                let found = loop.record.drift.found
                for _ in 1...3 {
                    loop.note(.lostRules)
                    _ = try await loop.reconcile([.node], .operation)
                    try await world.bring()
                }
                #expect(try await table(world) == before && loop.record.drift.found == found)
                // What its rules have counted is none of its contents.
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                try wire.send(ForgedFrame.ethernet(from: world.victim.mac, ForgedFrame.ipv6, []))
                loop.note(.lostRules)
                try await world.bring()
                #expect(try await table(world) == before && loop.record.drift.found == found)
            }
        }

        @Test(arguments: [
            "nft insert rule bridge coports prerouting accept", "nft flush chain bridge coports guest",
            "nft add element bridge coports guests { eth9 }", "nft flush set bridge coports stations",
            "nft delete element bridge coports open { covx200 }", "nft flush map bridge cosources ports",
        ])
        func `damage that was not told of is found when events were lost, and is drift`(damage: String) async throws {
            try await withPorts { world in
                // Another network, whose ports are open.
                let green = try await world.mesh.addNetwork("green", vni: 200)
                try await world.mesh.cluster.execute("UPDATE networks SET port_security = FALSE WHERE vni = 200")
                try await world.mesh.want(11, in: green, on: 0)
                let loop = world.loops[0]
                _ = try await loop.reconcile(.network(green.vni), .operation)
                func listing() async throws -> String {
                    try await world.onHost("nft --stateless --terse list table bridge coports")
                        + (try await world.onHost("nft list set bridge coports guests"))
                        + (try await world.onHost("nft list set bridge coports stations"))
                        + (try await world.onHost("nft list set bridge coports open"))
                        + (try await world.onHost("nft list map bridge cosources ports"))
                }
                let (before, found) = (try await listing(), loop.record.drift.found)
                try await world.onHost(damage)
                #expect(try await listing() != before)
                loop.note(.lostRules)
                try await eventually("it is repaired") { try await listing() == before }
                // A repair is counted at the end of its run, after the tables are in force.
                try await eventually("it is counted") { loop.record.drift.found > found }
            }
        }

        @Test func `a network whose CIDR cannot be read has its guests kept apart by a netnode that starts then`()
            async throws
        {
            try await withMesh(hosts: 1) { mesh in
                try await UnreadableNetworkTests.dropChecks(mesh.cluster)
                let blue = try await mesh.addNetwork("blue", vni: 100)
                for number in [11, 12] { try await mesh.want(number, in: blue, on: 0) }
                try await mesh.withLoop(0) { _ = try await $0.reconcile(.network(blue.vni), .operation) }
                let (first, second) = (
                    try await mesh.start(11, in: blue, on: 0), try await mesh.start(12, in: blue, on: 0)
                )
                try await mesh.cluster.execute("UPDATE networks SET cidr = 'hostile'")
                try await mesh.withLoop(0) { loop in
                    let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                    #expect(outcome.portTrouble == nil)
                    #expect(try await mesh.underlay.ping(from: first, to: second.address, count: 3) >= 2)
                    let port = try await mesh.underlay.run(
                        "bridge -d link show dev \(first.port)",
                        in: mesh.hosts[0].namespace
                    )
                    #expect(port.contains("locked on") && port.contains("learning off"))
                    let wire = try RawPort("eth0", in: first.namespace)
                    let heard = try RawPort("eth0", in: second.namespace)
                    let forged = ForgedFrame.arp(1, of: .init(first.mac, try mesh.address(99)), about: second.address)
                    try wire.send(ForgedFrame.ethernet(from: first.mac, ForgedFrame.arp, forged))
                    #expect(try await mesh.underlay.ping(from: first, to: second.address) == 1)
                    #expect(!heard.frames().contains { $0.dropFirst(14).prefix(forged.count) == forged[...] })
                    let said = try await mesh.cluster.count(
                        "SELECT COUNT(*) FROM network_problems WHERE what = 'ports' AND message LIKE '%CIDR%'"
                    )
                    #expect(said == 1)
                }
            }
        }
    }
}
