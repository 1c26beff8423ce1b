import ClusterModel
import NetNode
import Testing

@Suite struct EgressDiffTests {
    private let wanted: EgressWanted
    private let complete: EgressActual
    private let bridge: Link

    private static func wanted(_ floats: [String: String]) throws -> EgressWanted {
        var pairs: [IPv4Address: IPv4Address] = [:]
        for (outside, inside) in floats { pairs[try IPv4Address(outside)] = try IPv4Address(inside) }
        return EgressWanted(
            network: .new(),
            vni: try VNI(100),
            cidr: try CIDR("10.9.0.0/24"),
            generation: 1,
            external: try CIDR("203.0.113.0/24"),
            gateway: try IPv4Address("203.0.113.1"),
            address: try IPv4Address("203.0.113.10"),
            floats: pairs
        )
    }

    init() throws {
        wanted = try Self.wanted(["203.0.113.11": "10.9.0.12", "203.0.113.12": "10.9.0.13"])
        bridge = Link(
            name: "xbr",
            mtu: 1500,
            isUp: true,
            master: nil,
            kind: "bridge",
            ipv6AddressMode: nil,
            tunnel: nil
        )
        complete = EgressActual(
            veth: Link(
                name: "coex100",
                index: 7,
                mtu: 1500,
                isUp: true,
                master: "xbr",
                kind: "veth",
                ipv6AddressMode: "none",
                tunnel: nil,
                group: "4711"
            ),
            inside: .init(
                mac: "02:ce:cb:00:71:0a",
                mtu: 1500,
                isUp: true,
                peer: 7,
                addresses: ["203.0.113.10/24", "203.0.113.11/32", "203.0.113.12/32"],
                routes: [
                    .init(dst: "default", gateway: "203.0.113.1", dev: "ext0"),
                    .init(dst: "203.0.113.0/24", dev: "ext0"),
                ],
                settings: EgressSettings.all.map(\.value),
                table: EgressTable(wanted).objects
            )
        )
    }

    private func changes(
        to wanted: EgressWanted? = nil,
        _ edit: (inout EgressActual) -> Void = { _ in }
    ) -> [EgressChange] {
        var actual = complete
        edit(&actual)
        return EgressDiff.changes(from: actual, to: wanted ?? self.wanted, over: bridge)
    }

    @Test func `what is as wanted needs nothing, in whatever order the kernel shows it`() {
        #expect(changes() == [])
        #expect(changes { $0.inside?.addresses.reverse() } == [])
        #expect(changes { $0.inside?.table?.insert(.object(["metainfo": .object([:])]), at: 0) } == [])
    }

    @Test func `from nothing, no packet passes before the rules are there`() throws {
        let steps = changes { $0 = EgressActual(veth: nil, inside: nil) }
        let inOrder: [EgressChange] = [
            .closeVeth, .loadTable(without: []), .startForwarding, .raise, .raiseVeth, .sendGratuitousARP,
        ]
        let order = try inOrder.map { try #require(steps.firstIndex(of: $0)) }
        #expect(order == order.sorted())
        #expect(steps.last == .sendGratuitousARP && steps.first == .addVeth(mtu: 1500))
        let addresses = steps.filter { if case .addAddress = $0 { true } else { false } }
        #expect(addresses.first == .addAddress("203.0.113.10/24") && addresses.count == 3)
        #expect(changes { $0.inside = nil } == [.deleteVeth] + steps)
    }

    @Test func `an address goes last, so that a pass that was cut short forgets its connections the next time`() throws
    {
        let float = try IPv4Address("203.0.113.12")
        let steps = changes(to: try Self.wanted(["203.0.113.11": "10.9.0.12"]))
        #expect(
            steps == [
                .loadTable(without: [float]), .forgetConnections(float), .removeAddress("203.0.113.12/32"),
                .addSegmentRoute, .addDefaultRoute,
            ]
        )
    }

    @Test func `a float that leads to another guest is taken away before it is given`() throws {
        let float = try IPv4Address("203.0.113.12")
        let steps = changes(to: try Self.wanted(["203.0.113.11": "10.9.0.12", "203.0.113.12": "10.9.0.99"]))
        #expect(
            steps == [
                .loadTable(without: [float]), .forgetConnections(float), .removeAddress("203.0.113.12/32"),
                .addAddress("203.0.113.12/32"), .loadTable(without: []), .addSegmentRoute, .addDefaultRoute,
                .sendGratuitousARP,
            ]
        )
    }

    @Test func `rules and elements that are missing, changed or too many are seen`() throws {
        let load = [EgressChange.loadTable(without: [])]
        #expect(changes { $0.inside?.table = nil } == load)
        let objects = EgressTable(wanted).objects
        for index in objects.indices {
            #expect(changes { $0.inside?.table?.remove(at: index) } == load, "without \(objects[index])")
            #expect(changes { $0.inside?.table?.append(objects[index]) } == load, "twice \(objects[index])")
        }
        let other = try Self.wanted(["203.0.113.11": "10.9.0.12"])
        #expect(changes { $0.inside?.table = EgressTable(other).objects } == load)
        let swapped = changes { actual in
            let count = objects.count
            actual.inside?.table?.swapAt(count - 1, count - 2)
        }
        #expect(swapped == load, "the order of rules matters")
    }

    @Test func `what is not wanted any more is silent first, and its veth goes last`() throws {
        let steps = EgressDiff.removal(of: complete)
        #expect(steps.prefix(3) == [.lowerVeth, .stopForwarding, .deleteTable] && steps.last == .deleteVeth)
        #expect(steps.contains(.forgetConnections(try IPv4Address("203.0.113.10"))))
        #expect(EgressDiff.removal(of: EgressActual(veth: nil, inside: nil)) == [])
    }

    @Test func `an ext0 whose other end is not our veth goes before the veth is made anew`() throws {
        let made = changes { $0 = EgressActual(veth: nil, inside: nil) }
        #expect(changes { $0.veth = nil } == [.deleteInside] + made)
        #expect(changes { $0.inside?.peer = 8 } == [.deleteInside, .deleteVeth] + made)
        #expect(changes { $0.inside?.peer = nil } == [.deleteInside, .deleteVeth] + made)
        // What nobody shall have any more is forgotten before a packet passes.
        let float = try IPv4Address("203.0.113.12")
        let steps = changes(to: try Self.wanted(["203.0.113.11": "10.9.0.12"])) { $0.veth = nil }
        let forget = try #require(steps.firstIndex(of: .forgetConnections(float)))
        let load = try #require(steps.firstIndex(of: .loadTable(without: [])))
        let start = try #require(steps.firstIndex(of: .startForwarding))
        #expect(load < forget && forget < start)
    }

    @Test func `an ext0 without our veth is removed as well, silent first and gone last`() {
        var actual = complete
        actual.veth = nil
        let steps = EgressDiff.removal(of: actual)
        #expect(steps.prefix(3) == [.lower, .stopForwarding, .deleteTable] && steps.last == .deleteInside)
        actual = complete
        actual.inside?.peer = 8
        let both = EgressDiff.removal(of: actual)
        #expect(both.prefix(2) == [.lowerVeth, .lower] && both.suffix(2) == [.deleteInside, .deleteVeth])
    }
}
