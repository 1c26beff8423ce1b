import ClusterModel
import Testing

@testable import NetNode

/// The steps from what the kernel has to what is wanted of ports, and the rules that go with them.
@Suite struct PortDiffTests {
    private static let guest = PortsWanted.Guest(.new(), "52:54:00:00:00:01", "10.9.0.11", "10.20.0.0/16")
    private static let other = PortsWanted.Guest(.new(), "52:54:00:00:00:02", "10.9.0.12")
    private static let tap = "fe:54:00:00:00:01"
    private let vni: VNI
    private let rules: PortRules

    init() throws {
        vni = try VNI(100)
        rules = PortRules(
            vni: vni,
            gateway: try IPv4Address("10.9.0.1"),
            ports: [.init(device: try LinkName("vnet0"), mac: Self.guest.mac, sources: Self.guest.sources)]
        )
    }

    private func diff(
        _ links: [Link],
        stations: [String: Set<MACAddress>] = [:],
        isSecured: Bool = true,
        isServing: Bool = false
    ) throws -> PortDiff {
        let survey = HostSurvey(
            links: Dictionary(links.map { ($0.name, $0) }) { first, _ in first },
            entries: [:],
            stations: stations,
            tables: [:],
            insides: [:]
        )
        return PortDiff(
            from: survey,
            to: [try .blue([Self.guest, Self.other], isSecured: isSecured)],
            isServing: isServing
        )
    }

    private func lines(_ diff: PortDiff) -> [String] { diff.changes.map(\.batchLine) }

    @Test func `a guest's port gets its row before it is locked, and what was learned there is forgotten`() throws {
        let found = try diff([.port("vnet0", mac: Self.tap)], stations: ["vnet0": []])
        #expect(
            lines(found) == [
                "fdb replace 52:54:00:00:00:01 dev vnet0 master static",
                "link set dev vnet0 learning off flood off mcast_flood on bcast_flood on locked on",
                "fdb flush dev vnet0 master dynamic",
            ]
        )
        #expect(found.rules == [vni: rules])
        let done = try diff([.port("vnet0", mac: Self.tap, .guest)], stations: ["vnet0": [Self.guest.mac]])
        #expect(done.changes.isEmpty && done.rules == [vni: rules])
    }

    @Test func `a row that is missing or not the guest's is a difference, where rows were read`() throws {
        let port = Link.port("vnet0", mac: Self.tap, .guest)
        let missing = try diff([port], stations: ["vnet0": []])
        #expect(lines(missing) == ["fdb replace 52:54:00:00:00:01 dev vnet0 master static"])
        #expect(
            lines(try diff([port], stations: ["vnet0": [Self.guest.mac, Self.other.mac]]))
                == ["fdb del 52:54:00:00:00:02 dev vnet0 master"]
        )
        #expect(try diff([port], stations: ["vnet7": []]).changes.isEmpty)
    }

    @Test func `every setting of a guest's port that differs is set`() throws {
        let paths: [WritableKeyPath<BridgePort, Bool>] = [
            \.learns, \.floods, \.floodsMulticast, \.floodsBroadcast, \.isLocked,
        ]
        for path in paths {
            var settings = BridgePort.guest
            settings[keyPath: path].toggle()
            let found = try diff([.port("vnet0", mac: Self.tap, settings)])
            #expect(found.changes.first?.step == .set(.guest), "\(path)")
        }
    }

    @Test func `a stranger is isolated, loses its rows and is in no rule`() throws {
        let found = try diff(
            [.port("vnet9", .guest), .port("vnet0", mac: Self.tap, .guest)],
            stations: ["vnet9": [Self.other.mac], "vnet0": [Self.guest.mac]]
        )
        #expect(
            lines(found) == [
                "link set dev vnet9 learning off flood off mcast_flood off bcast_flood off locked on",
                "fdb del 52:54:00:00:00:02 dev vnet9 master",
            ]
        )
        #expect(found.rules == [vni: rules])
        #expect(found.strangers[vni]?.map(\.device) == ["vnet9"])
    }

    @Test func `a network without port security is open, and leaves the settings of ports alone that it did not lock`()
        throws
    {
        var own = BridgePort.standard
        own.learns = false
        let found = try diff(
            [.port("vnet0", mac: Self.tap, .guest), .port("vnet8", own)],
            stations: ["vnet0": [Self.guest.mac], "vnet8": [Self.other.mac]],
            isSecured: false
        )
        #expect(
            lines(found) == [
                "link set dev vnet0 learning on flood on mcast_flood on bcast_flood on locked off",
                "fdb del 52:54:00:00:00:01 dev vnet0 master",
            ]
        )
        let open = PortRules.open(
            vni,
            ports: [try LinkName("vnet8"), try LinkName("vnet0")],
            members: [Self.guest.mac, Self.other.mac]
        )
        #expect(found.rules == [vni: open] && found.strangers.isEmpty)
        #expect(open.openPorts.map(\.description) == ["vnet0", "vnet8"])
    }

    @Test func `the gateway's veth takes part where the node serves, and the tunnel is nobody's port`() throws {
        func veth(_ settings: BridgePort) -> [Link] { [.port("cogw100", settings), .port("covx100")] }
        for isSecured in [true, false] {
            func changes(_ settings: BridgePort, _ isServing: Bool) throws -> [PortChange.Step] {
                try diff(veth(settings), isSecured: isSecured, isServing: isServing).changes.map(\.step)
            }
            #expect(try changes(.standard, false) == [.set(.closedGateway), .forgetLearned])
            #expect(try changes(.closedGateway, true) == [.set(.standard)])
            #expect(try changes(.closedGateway, false).isEmpty && changes(.standard, true).isEmpty)
        }
        #expect(try diff(veth(.closedGateway)).strangers[vni] == [])
    }

    @Test func `ports of other bridges are not looked at`() throws {
        let found = try diff([.port("vnet0", mac: Self.tap, on: "br0"), .port("vnet1", on: "cobr200")])
        #expect(found.changes.isEmpty && found.rules.isEmpty)
    }

    @Test func `a network that is not wanted any more is closed, and so is one of which nothing is known`() throws {
        let blue = try PortsWanted.blue([Self.guest])
        #expect(blue.closed.guests.isEmpty && blue.closed.isSecured)
        let unreadable = PortsWanted(unreadable: blue.network, vni: blue.vni)
        #expect(unreadable.isSecured && unreadable.guests.isEmpty)
        #expect(PortPass.objection(to: [], []) == nil)
        let strangers = (1...5).map { PortMatching.Stranger(device: "vnet\($0)", reason: "nobody's") }
        #expect(
            PortPass.objection(to: strangers, ["interface x cannot be read"])
                == "port 'vnet1' is isolated: nobody's. port 'vnet2' is isolated: nobody's. "
                + "port 'vnet3' is isolated: nobody's. and 3 more"
        )
    }
}
