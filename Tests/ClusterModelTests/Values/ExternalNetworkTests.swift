import Testing

@testable import ClusterModel

@Suite struct ExternalNetworkTests {
    private func external(_ gateway: String, _ first: String? = nil, _ last: String? = nil) throws -> ExternalNetwork {
        try ExternalNetwork(
            cidr: try CIDR("203.0.113.0/29"),
            gateway: try IPv4Address(gateway),
            first: try first.map { try IPv4Address($0) },
            last: try last.map { try IPv4Address($0) }
        )
    }

    private func all(_ external: ExternalNetwork) -> [String] {
        var taken: Set<IPv4Address> = []
        var given: [String] = []
        while let address = external.firstFree(except: taken) {
            taken.insert(address)
            given.append("\(address)".replacing("203.0.113.", with: ""))
        }
        return given
    }

    @Test func `addresses are given out from the lowest to the last, the gateway's never`() throws {
        let whole = try external("203.0.113.1")
        #expect(all(whole) == ["2", "3", "4", "5", "6"] && whole.size == 5)
        let inner = try external("203.0.113.4", "203.0.113.3", "203.0.113.5")
        #expect(all(inner) == ["3", "5"] && inner.size == 2)
        let outer = try external("203.0.113.6", "203.0.113.2", "203.0.113.3")
        #expect(all(outer) == ["2", "3"] && outer.size == 2)
        #expect(all(try external("203.0.113.4", "203.0.113.4", "203.0.113.4")).isEmpty)
        #expect(try !inner.contains(IPv4Address("203.0.113.4")) && inner.contains(IPv4Address("203.0.113.5")))
        #expect(try !inner.contains(IPv4Address("203.0.113.6")))
    }

    @Test(arguments: [
        ("203.0.113.0", nil, nil), ("203.0.113.7", nil, nil), ("10.0.0.1", nil, nil),
        ("203.0.113.1", "203.0.113.0", nil), ("203.0.113.1", nil, "203.0.113.7"),
        ("203.0.113.1", "203.0.113.5", "203.0.113.4"),
    ])
    func `what no host of the segment can have is refused`(gateway: String, first: String?, last: String?) {
        #expect(throws: ClusterOpsError.self) { try external(gateway, first, last) }
    }

    @Test func `a network's hardware address outside is its external address, and a unicast one`() throws {
        let mac = MACAddress.external(try IPv4Address("203.0.113.10"))
        #expect("\(mac)" == "02:ce:cb:00:71:0a")
        #expect(try MACAddress("\(mac)") == mac)
    }
}
