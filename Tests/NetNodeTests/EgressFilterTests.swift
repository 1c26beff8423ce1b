import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

@Suite struct EgressRefusalsTests {
    @Test func `a flat segment keeps its other machines, and loses the nodes`() throws {
        let nodes: Set = [try IPv4Address("203.0.113.5"), try IPv4Address("198.18.0.1")]
        let networks = [try IPv4CIDR("203.0.113.0/24"), try IPv4CIDR("10.0.0.0/8"), try IPv4CIDR("10.1.0.0/16")]
        let refusals = EgressRefusals(nodes: nodes, networks: networks)
        let apart = try CIDR("192.168.1.0/24")
        #expect(
            refusals.underlay(beside: apart).map(\.description) == ["10.0.0.0/8", "198.18.0.1/32", "203.0.113.0/24"]
        )
        let flat = EgressRefusals(nodes: nodes, networks: [try IPv4CIDR("203.0.113.5/32")])
        #expect(
            flat.underlay(beside: try CIDR("203.0.113.0/24")).map(\.description) == ["198.18.0.1/32", "203.0.113.5/32"]
        )
        let beside = EgressRefusals(networks: networks).underlay(beside: try CIDR("203.0.113.0/25"))
        #expect(beside.map(\.description) == ["10.0.0.0/8"])
    }

    @Test func `no special range lies in another one`() {
        let table = EgressRefusals.specialPurpose
        #expect(table.withoutNested == table.sorted() && table.count == 10)
    }
}

extension NamespaceTests {
    /// What leaves by NAT, and what comes in by a floating address, on the wire outside.
    @Suite(.serialized) struct EgressFilterTests {
        private func gatewayMAC() throws -> MACAddress { try MACAddress("02:63:6f:00:00:64") }

        @Test func `a packet that connection tracking calls invalid does not leave with the address of a guest`()
            async throws
        {
            try await withEgress(networks: 1) { world in
                try await world.pass([try world.wanted(0, floats: [EgressWorld.floats[0]: 12])])
                try await world.open()
                let guest = try await world.guest(12, in: 0)
                try await eventually("it is through") { try await world.seen(guest) == EgressWorld.floats[0] }
                let (inside, outside) = (
                    try RawPort("eth0", in: guest.namespace), try RawPort("segment", in: world.outside.namespace)
                )
                let source = (mac: guest.mac, address: guest.address)
                let target = (mac: try gatewayMAC(), address: try IPv4Address(EgressWorld.outsideAddress))
                let float = try IPv4Address(EgressWorld.floats[0])
                /// Sends resets, and tells which addresses of the guest are seen outside.
                func leave() async throws -> [IPv4Address] {
                    for _ in 0..<5 { try inside.send(GuestFrame.strayReset(from: source, to: target)) }
                    // A packet that was sent after them has arrived.
                    #expect(try await world.answersPing(EgressWorld.outsideAddress, from: guest.namespace))
                    let frames = outside.frames()
                    return [guest.address, float].filter { address in
                        frames.contains { GuestFrame.isPacket($0, of: address) }
                    }
                }
                #expect(try await leave() == [float])
                // Without the rule they leave: what is looked for can be seen.
                try await world.underlay.run("nft flush chain ip conat forward", in: "\(try world.inside(0))")
                #expect(try await leave() == [guest.address, float])
            }
        }

        @Test func `special addresses and the underlay are not reached by NAT, but where that is allowed`()
            async throws
        {
            try await withEgress(networks: 1) { world in
                let (metadata, node, machine) = ("169.254.169.254", "192.0.2.2", "192.0.2.99")
                let (special, internet, lan) = ("198.18.0.1", "9.8.7.6", "172.16.0.1")
                let all = [metadata, node, machine, special, internet, lan, EgressWorld.outsideAddress]
                for address in all.dropLast() where address != node {
                    let line = "ip addr add \(address)/32 dev segment"
                    try await world.underlay.run(line, in: world.outside.namespace)
                }
                func refusals(_ allowed: [String]) throws -> EgressRefusals {
                    EgressRefusals(
                        nodes: [try IPv4Address(node)],
                        networks: [try IPv4CIDR("192.0.2.0/24")],
                        allowed: try allowed.map { try IPv4CIDR($0) }
                    )
                }
                try await world.pass([try world.wanted(0, refusals: try refusals([]))])
                try await world.open()
                let guest = try await world.guest(11, in: 0)
                try await eventually("it is through") { try await world.seen(guest) == EgressWorld.own[0] }
                func reached() async throws -> [String] {
                    var reached: [String] = []
                    for address in all where try await world.answersPing(address, from: guest.namespace) {
                        reached.append(address)
                    }
                    return reached
                }
                #expect(try await reached() == [internet, lan, EgressWorld.outsideAddress])
                let allowed = try refusals(["\(metadata)/32", "192.0.2.64/26"])
                try await world.pass([try world.wanted(0, refusals: allowed)])
                #expect(try await reached() == [metadata, machine, internet, lan, EgressWorld.outsideAddress])
                // All of it is wanted state.
                let table = "\(try world.inside(0))"
                for damage in [
                    "nft flush chain ip conat forward", "nft add element ip conat underlay { 9.9.9.9 }",
                    "nft insert rule ip conat forward oifname ext0 ip daddr 127.0.0.0/8 accept",
                ] {
                    try await world.underlay.run(damage, in: table)
                    #expect(try await world.pass([try world.wanted(0, refusals: allowed)]).changed == 1, "\(damage)")
                    #expect(try await world.pass([try world.wanted(0, refusals: allowed)]).changed == 0, "\(damage)")
                }
            }
        }

        @Test func `a floating address with a list of ports leads to the guest by these only`() async throws {
            try await withEgress(networks: 1) { world in
                let float = EgressWorld.floats[0]
                let name = EgressWorld.name(12, 0)
                func pass(_ ports: [String]?) async throws {
                    let ports = ports.map { [float: $0] } ?? [:]
                    try await world.pass([try world.wanted(0, floats: [float: 12], ports: ports)])
                }
                try await pass(["tcp/80", "udp/53"])
                try await world.open()
                let guest = try await world.guest(12, in: 0)
                try await eventually("port 80 leads there") { try await world.reached(float) == name }
                #expect(try await world.seen(guest) == float, "what the guest begins is not limited")
                #expect(try await world.answersPing(EgressWorld.outsideAddress, from: guest.namespace))
                #expect(try await !world.answersPing(float, from: world.outside.namespace))
                try await pass(["tcp/81", "udp/80"])
                #expect(try await world.reached(float) == nil, "another port, and another protocol")
                #expect(try await world.seen(guest) == float)
                try await world.underlay.run(
                    "nft add element ip conat ports { 10.9.0.12 . tcp . 80 }",
                    in: "\(try world.inside(0))"
                )
                #expect(try await world.reached(float) == name, "what is looked for can be seen")
                try await pass(["tcp/81", "udp/80"])
                #expect(try await world.reached(float) == nil, "an element more is drift")
                try await pass(nil)
                #expect(try await world.reached(float) == name)
                #expect(try await world.answersPing(float, from: world.outside.namespace))
            }
        }
    }
}
