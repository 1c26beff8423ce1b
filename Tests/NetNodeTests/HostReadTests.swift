import ChildProcess
import ClusterModel
import NetNode
import Testing

@Suite struct HostReadTests {
    @Test(arguments: ["cobr07", "cobr", "cobr7x", "xcobr7", "cobr0", "cobr16777216", "covx7", "cobr 7", "cobr-7"])
    func `a device is ours by its whole name only`(name: String) {
        #expect(BridgeName(deviceName: name) == nil)
    }

    @Test func `names are made and read back`() throws {
        let vni = try VNI(16_777_215)
        #expect(BridgeName(vni).description == "cobr16777215" && TunnelName(vni).description == "covx16777215")
        #expect(BridgeName(deviceName: "cobr16777215")?.vni == vni)
        #expect(TunnelName(deviceName: "covx16777215")?.vni == vni)
    }

    /// What iproute2 6.1 printed here, shortened to some fields.
    static let links = """
        [{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"inet6_addr_gen_mode":"eui64"},
        {"ifindex":2,"ifname":"cobr100","flags":["BROADCAST"],"mtu":1450,
        "linkinfo":{"info_kind":"bridge","info_data":{"gc_timer":0.00,"mcast_snooping":1}}},
        {"ifindex":3,"ifname":"covx100","flags":["UP"],"mtu":1450,"master":"cobr100","linkinfo":{"info_kind":"vxlan",
        "info_data":{"id":100,"local":"192.0.2.1","port":4789,"learning":false,"ttl":0}},"inet6_addr_gen_mode":"none"}]
        """
    static let rows = """
        [{"mac":"33:33:00:00:00:01","ifname":"cobr100","flags":["self"],"state":"permanent"},
        {"mac":"26:6a:e9:a3:8e:8e","ifname":"covx100","flags":[],"master":"cobr100","state":"permanent"},
        {"mac":"02:00:00:00:00:01","ifname":"covx100","dst":"192.0.2.2","flags":["self"],"state":"permanent"},
        {"mac":"00:00:00:00:00:00","ifname":"covx100","dst":"192.0.2.2","port":8472,"flags":["self"],
        "state":"permanent"},
        {"mac":"02:00:00:00:00:02","ifname":"covx100","dst":"192.0.2.2","flags":["self"],"state":""},
        {"mac":"02:00:00:00:00:03","ifname":"covx100","dst":"192.0.2.2",
        "flags":["self","extern_learn"],"state":"permanent"},
        {"mac":"02:00:00:00:00:04","ifname":"covx0100","dst":"192.0.2.2","flags":["self"],"state":"permanent"},
        {"ifname":"vxlan5","dst":"fe80::1","flags":["self"],"state":"permanent"}]
        """

    @Test func `devices and static entries of ours are read, all else is left out`() async throws {
        let actual = try await read(links: .ok(Self.links), rows: .ok(Self.rows))
        let vni = try VNI(100)
        #expect(actual.bridges.count == 1 && actual.bridges[vni]?.isUp == false)
        #expect(actual.bridges[vni]?.kind == "bridge" && actual.bridges[vni]?.snoopsMulticast == true)
        #expect(actual.tunnels == [vni: .tunnel(TunnelName(vni), index: 3, master: "cobr100")])
        let peer = try IPv4Address("192.0.2.2")
        #expect(
            actual.entries == [
                vni: [
                    ForwardingEntry(.guest(try MACAddress("02:00:00:00:00:01")), to: peer),
                    ForwardingEntry(.flood, to: peer, detour: .init(port: 8472)),
                ]
            ]
        )
    }

    static let failures: [(links: HostCommand.Output, rows: HostCommand.Output)] = [
        (.failed(1, links), .ok(rows)), (.ok(links), .failed(255, "[]")), (.ok("[]"), .ok(rows)), (.ok(""), .ok(rows)),
        (.ok(links), .ok("")), (.ok(String(links.dropLast(2))), .ok(rows)), (.ok(links), .ok(String(rows.dropLast(2)))),
        (.ok(links.replacing("\"mtu\":1450,", with: "")), .ok(rows)),
        (.ok(links.replacing("\"id\":100,", with: "")), .ok(rows)),
        (.ok(links), .ok(rows.replacing("\"state\":\"permanent\"", with: "\"a\":1"))),
        (.ok(links), .ok(rows.replacing("02:00:00:00:00:01", with: "02:00"))),
        (.ok(links), .ok(rows.replacing("192.0.2.2", with: "here"))),
    ]

    @Test(arguments: failures.indices)
    func `a read that failed or is incomplete is an error that names its command, never an empty answer`(
        index: Int
    ) async throws {
        let (links, rows) = Self.failures[index]
        let error = await #expect(throws: HostCommandError.self) { try await read(links: links, rows: rows) }
        let description = try #require(error?.description)
        #expect(description.hasPrefix("'ip -j -d link show' ") || description.hasPrefix("'bridge -j fdb show' "))
    }

    private func read(links: HostCommand.Output, rows: HostCommand.Output) async throws -> MeshActual {
        let runner = HostCommandRunner { $0.program == .ip ? links : rows }
        return try await MeshActual.read(in: nil, run: runner)
    }
}

extension HostCommand.Output {
    static func ok(_ text: String) -> HostCommand.Output { .init(exit: .code(0), text: text, complaint: "") }
    static func failed(_ code: Int32, _ text: String) -> HostCommand.Output {
        .init(exit: .code(code), text: text, complaint: "first\nno reason\n")
    }
}
