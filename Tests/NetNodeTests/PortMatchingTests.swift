import ClusterModel
import Testing

@testable import NetNode

/// Which guest each port of a bridge belongs to.
@Suite struct PortMatchingTests {
    private static let first = PortsWanted.Guest(.new(), "52:54:00:00:00:01", "10.9.0.11")
    private static let second = PortsWanted.Guest(.new(), "52:54:00:00:00:02", "10.9.0.12")
    private static let elsewhere = PortsWanted.Guest(.new(), "52:54:00:00:00:03", "10.9.0.11")

    private func match(_ ports: [Link], _ guests: [PortsWanted.Guest] = [first, second]) throws -> PortMatching {
        let network = try PortsWanted.blue(guests)
        return PortMatching(
            ports,
            network,
            among: [
                network,
                PortsWanted(
                    network: .new(),
                    vni: try VNI(200),
                    isSecured: true,
                    gateway: nil,
                    guests: [Self.elsewhere]
                ),
            ]
        )
    }

    private func alias(_ guest: PortsWanted.Guest) -> String { "clusterops:\(guest.interface)" }

    @Test func `a port is known by its alias, in either case, or by the hardware address that libvirt gives a tap`()
        throws
    {
        let shouted = "clusterops:\(Self.first.interface.description.uppercased())"
        for alias in [alias(Self.first), shouted] {
            let found = try match([
                .port("vnet1", alias: alias, mac: "02:11:22:33:44:55"), .port("vnet0", mac: "fe:54:00:00:00:02"),
            ])
            #expect(found.matches.map(\.device.description) == ["vnet0", "vnet1"])
            #expect(found.matches.map(\.guest) == [Self.second, Self.first])
            #expect(found.strangers.isEmpty)
        }
    }

    @Test func `an alias outweighs a hardware address, and one that names another interface is not taken for it`()
        throws
    {
        let found = try match([
            .port("vnet0", alias: alias(Self.first), mac: "fe:54:00:00:00:02"),
            .port("vnet1", alias: "clusterops:\(InterfaceID.new())", mac: "fe:54:00:00:00:02"),
            .port("vnet2", alias: "clusterops:all of them", mac: "fe:54:00:00:00:02"),
        ])
        #expect(found.matches.map(\.guest) == [Self.first])
        #expect(found.strangers.map(\.device) == ["vnet1", "vnet2"])
        #expect(found.strangers[0].reason.contains("add or move the interface"))
        #expect(found.strangers[1].reason.contains("names no interface"))
        // Somebody else's alias says nothing.
        #expect(try match([.port("vnet0", alias: "web", mac: "fe:54:00:00:00:02")]).matches.count == 1)
    }

    @Test func `of two ports that could be one guest's it is the one with the alias, then the older one`() throws {
        let tap = Link.port("vnet0", index: 7, mac: "fe:54:00:00:00:01")
        let named = Link.port("vnet1", index: 9, alias: alias(Self.first))
        let newer = Link.port("vnet2", index: 12, alias: alias(Self.first))
        for ports in [[tap, named, newer], [newer, named, tap]] {
            let found = try match(ports)
            #expect(found.matches.map(\.device.description) == ["vnet1"])
            #expect(found.strangers.map(\.device) == ["vnet0", "vnet2"])
            #expect(found.strangers.allSatisfy { $0.reason.contains("has the port 'vnet1' already") })
        }
        let taps = try match([tap, .port("vnet3", index: 8, mac: "fe:54:00:00:00:01")])
        #expect(taps.matches.map(\.device.description) == ["vnet0"])
    }

    @Test func `guests whose addresses differ in the first octet alone are told apart by aliases only`() throws {
        let twin = PortsWanted.Guest(.new(), "02:54:00:00:00:01", "10.9.0.13")
        let found = try match(
            [.port("vnet0", mac: "fe:54:00:00:00:01"), .port("vnet1", alias: alias(twin))],
            [Self.first, twin]
        )
        #expect(found.matches.map(\.guest) == [twin])
        let reason = "2 interfaces have its hardware address; set its alias to clusterops:UUID"
        #expect(found.strangers.map(\.reason) == [reason])
    }

    @Test func `what a stranger may be is said`() throws {
        let cases: [(Link, String)] = [
            (.port("vnet0", mac: "fe:54:00:00:00:09"), "no interface of the network on this node has its hardware"),
            (.port("eth7", mac: "00:25:90:00:00:01"), "it has no alias"),
            (.port("vnet1", alias: alias(Self.elsewhere)), "plug it into cobr200"),
            (.port("vnet2", mac: "fe:54:00:00:00:03"), "plug it into cobr200"),
            (.port("a\"b", alias: alias(Self.first)), "a port's name may have letters"),
        ]
        for (port, reason) in cases {
            let found = try match([port])
            #expect(found.matches.isEmpty)
            #expect(found.strangers.count == 1 && found.strangers[0].reason.contains(reason), "\(found)")
        }
    }
}

extension PortsWanted {
    static func blue(_ guests: [Guest], isSecured: Bool = true) throws -> PortsWanted {
        PortsWanted(
            network: .new(),
            vni: try VNI(100),
            isSecured: isSecured,
            gateway: try IPv4Address("10.9.0.1"),
            guests: guests
        )
    }
}

extension PortsWanted.Guest {
    init(_ interface: InterfaceID, _ mac: String, _ sources: String...) {
        do {
            self.init(interface: interface, mac: try MACAddress(mac), sources: try sources.map { try IPv4CIDR($0) })
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension Link {
    /// A guest's port on the bridge of network 100.
    static func port(
        _ name: String,
        index: Int = 1,
        alias: String? = nil,
        mac: String? = nil,
        on bridge: String = "cobr100",
        _ settings: BridgePort = .standard
    ) -> Link {
        Link(
            name: name,
            index: index,
            mtu: 1450,
            isUp: true,
            master: bridge,
            kind: "tun",
            ipv6AddressMode: nil,
            tunnel: nil,
            mac: mac.flatMap { try? MACAddress($0) },
            alias: alias,
            port: settings
        )
    }
}
