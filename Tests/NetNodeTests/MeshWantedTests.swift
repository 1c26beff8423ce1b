import ClusterModel
import ClusterStore
import NetNode
import Testing

@Suite struct MeshWantedTests {
    private let me = NodeID.new()
    private let second = NodeID.new()
    private let third = NodeID.new()
    private let network = NetworkID.new()

    private func row(_ node: NodeID, _ address: String, _ mac: String?) throws -> MeshStatements.Row {
        MeshStatements.Row(
            network: network,
            name: try NetworkName("blue"),
            vni: try VNI(100),
            mtu: try MTU(1450),
            generation: 7,
            node: node,
            underlay: try IPv4Address(address),
            mac: try mac.map { try MACAddress($0) }
        )
    }

    @Test func `peers are those that host a guest or have the role, without what is here`() throws {
        let rows = [
            try row(me, "192.0.2.1", "02:00:00:00:00:01"), try row(second, "192.0.2.2", "02:00:00:00:00:02"),
            try row(second, "192.0.2.2", "02:00:00:00:00:03"), try row(third, "192.0.2.3", nil),
        ]
        let wanted = try #require(try MeshWanted(rows, on: me).networks.first)
        #expect(wanted.generation == 7 && wanted.local.description == "192.0.2.1")
        #expect(wanted.flood.map(\.description).sorted() == ["192.0.2.2", "192.0.2.3"])
        #expect(
            wanted.guests == [
                try MACAddress("02:00:00:00:00:02"): try IPv4Address("192.0.2.2"),
                try MACAddress("02:00:00:00:00:03"): try IPv4Address("192.0.2.2"),
            ]
        )
    }

    @Test func `another name for our own address is no peer`() throws {
        let rows = [try row(me, "192.0.2.1", nil), try row(second, "192.0.2.1", "02:00:00:00:00:02")]
        let wanted = try #require(try MeshWanted(rows, on: me).networks.first)
        #expect(wanted.flood.isEmpty && wanted.guests.isEmpty)
    }

    @Test func `a snapshot that does not say where the node is, is refused`() throws {
        let rows = [try row(second, "192.0.2.2", nil)]
        #expect(throws: ClusterOpsError.self) { try MeshWanted(rows, on: me) }
        #expect(try MeshWanted([], on: me).networks.isEmpty)
    }
}
