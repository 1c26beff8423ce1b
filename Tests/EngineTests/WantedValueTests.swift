import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Values that cannot work are refused with a reason, whichever of two that do not go together comes first.
@Suite(.timeLimit(.minutes(15))) struct WantedValueTests {
    private func draft(_ name: String, cidr: String, vni: Int = 100, domain: String? = nil) throws -> NetworkDraft {
        NetworkDraft(
            name: try NetworkName(name),
            vni: try VNI(vni),
            cidr: try CIDR(cidr),
            mtu: try MTU(1450),
            domain: try domain.map { try DomainName($0) },
            dhcp: true,
            dns: true
        )
    }

    private func node(_ name: String, _ address: String, role: NodeRole = .hypervisor) throws -> NodeDraft {
        try NodeDraft(name: try NodeName(name), underlayAddress: try IPv4Address(address), roles: [role])
    }

    private func interface(_ hostname: String, number: Int = 1) throws -> InterfaceDraft {
        InterfaceDraft(
            network: try NetworkName("blue"),
            node: try NodeName("h1"),
            mac: try MACAddress("02:00:00:00:00:0\(number)"),
            address: try IPv4Address("10.9.0.1\(number)"),
            hostname: try HostName(hostname)
        )
    }

    private func refused<Result>(
        _ code: ClusterOpsError.Code,
        _ part: String,
        _ body: () async throws -> Result
    ) async {
        let error = await #expect(throws: ClusterOpsError.self, "\(part)") { try await body() }
        #expect(error?.code == code && error?.message.contains(part) == true, "\(part): \(error?.message ?? "")")
    }

    @Test func `a network has no addresses of nodes or of the external network, and the other way round`()
        async throws
    {
        try await withCluster { cluster in
            let inventory = Inventory(cluster.connection)
            _ = try await inventory.addNode(try node("h1", "192.0.2.1"))
            let outside = try ExternalNetwork(cidr: try CIDR("203.0.113.0/24"), gateway: try IPv4Address("203.0.113.1"))
            _ = try await inventory.setExternalNetwork(outside)
            await refused(.conflict, "192.0.2.1 of node 'h1'") {
                try await inventory.addNetwork(try draft("blue", cidr: "192.0.2.0/30"))
            }
            await refused(.conflict, "external network 203.0.113.0/24") {
                try await inventory.addNetwork(try draft("blue", cidr: "203.0.113.128/25"))
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks") == 0)
            _ = try await inventory.addNetwork(try draft("blue", cidr: "10.9.0.0/24"))
            for role in NodeRole.allCases {
                await refused(.conflict, "network 'blue', which is 10.9.0.0/24") {
                    try await inventory.addNode(try node("h2", "10.9.0.255", role: role))
                }
            }
            await refused(.conflict, "network 'blue', which is 10.9.0.0/24") {
                try await inventory.changeNode(
                    try NodeName("h1"),
                    NodeChange(underlayAddress: try IPv4Address("10.9.0.0"))
                )
            }
            _ = try await inventory.addNode(try node("h2", "10.9.1.0"))
            _ = try await inventory.changeNode(
                try NodeName("h1"),
                NodeChange(underlayAddress: try IPv4Address("10.8.255.255"))
            )
            let inside = try ExternalNetwork(cidr: try CIDR("10.9.0.0/16"), gateway: try IPv4Address("10.9.9.1"))
            await refused(.conflict, "network 'blue', which is 10.9.0.0/24, overlaps") {
                try await inventory.setExternalNetwork(inside)
            }
        }
    }

    @Test(arguments: [true, false])
    func `of a network and a node that do not go together, added at once, only the first is there`(
        isNetworkFirst: Bool
    ) async throws {
        try await withProxiedCluster { way in
            let (first, second) = (Inventory(way.proxied.connection), Inventory(way.direct.connection))
            @Sendable func add(_ network: Bool, to inventory: Inventory) async throws {
                if network {
                    _ = try await inventory.addNetwork(try draft("blue", cidr: "10.9.0.0/24"))
                } else {
                    _ = try await inventory.addNode(try node("h1", "10.9.0.7"))
                }
            }
            way.proxy.order(.hold, at: .commit(of: isNetworkFirst ? "INSERT INTO networks" : "INSERT INTO nodes"))
            try await withThrowingDiscardingTaskGroup { group in
                // Its outcome is unknown to it.
                group.addTask { try? await add(isNetworkFirst, to: first) }
                try await eventually("the first one's COMMIT is held") { way.proxy.counts.held == 1 }
                group.addTask {
                    await refused(.conflict, isNetworkFirst ? "network 'blue'" : "node 'h1'") {
                        try await add(!isNetworkFirst, to: second)
                    }
                }
                try await eventually("the second one waits") { try await way.direct.lockWaits() > 0 }
                way.proxy.release()
            }
            #expect(try await way.direct.count("SELECT COUNT(*) FROM networks") == (isNetworkFirst ? 1 : 0))
            #expect(try await way.direct.count("SELECT COUNT(*) FROM nodes") == (isNetworkFirst ? 0 : 1))
        }
    }

    @Test func `host names that resolvers do not ask a server for are refused, and full names that are too long`()
        async throws
    {
        try await withCluster { cluster in
            let inventory = Inventory(cluster.connection)
            _ = try await inventory.addNode(try node("h1", "192.0.2.1"))
            let blue = try NetworkName("blue")
            _ = try await inventory.addNetwork(try draft("blue", cidr: "10.9.0.0/24"))
            for name in ["10", "0", "localhost", "local", "invalid", "test", "example", "onion"] {
                await refused(.invalid, "host name '\(name)'") { try await inventory.addInterface(try interface(name)) }
            }
            // 253 less a dot and 60 characters.
            let domain = (["a", "b", "c"].map { String(repeating: $0, count: 60) } + ["exampleee"])
                .joined(separator: ".")
            #expect(domain.utf8.count == 192)
            _ = try await inventory.changeNetwork(blue, NetworkChange(domain: .name(try DomainName(domain))))
            await refused(.invalid, "254 characters") {
                try await inventory.addInterface(try interface(String(repeating: "h", count: 61)))
            }
            let name = String(repeating: "h", count: 60)
            let added = try await inventory.addInterface(try interface(name))
            await refused(.conflict, "guest '\(name)'") {
                try await inventory.changeNetwork(blue, NetworkChange(domain: .name(try DomainName("e" + domain))))
            }
            let longer = InterfaceChange(hostname: try HostName(name + "h"))
            await refused(.invalid, "254 characters") { try await inventory.changeInterface(added.object.id, longer) }
            await refused(.invalid, "special-use name (RFC 6762)") {
                try await inventory.changeNetwork(blue, NetworkChange(domain: .name(try DomainName("my.local"))))
            }
        }
    }

    @Test func `addresses that no host has are not allowed to a guest`() async throws {
        try await withCluster { cluster in
            let inventory = Inventory(cluster.connection)
            _ = try await inventory.addNode(try node("h1", "192.0.2.1"))
            _ = try await inventory.addNetwork(try draft("blue", cidr: "10.9.0.0/24"))
            let added = try await inventory.addInterface(try interface("guest")).object
            for range in ["127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.0"] {
                let change = InterfaceChange(addedAllowedAddresses: [try IPv4CIDR(range)])
                await refused(.invalid, "\(range)/32 cannot be allowed") {
                    try await inventory.changeInterface(added.id, change)
                }
            }
            let change = InterfaceChange(addedAllowedAddresses: [try IPv4CIDR("169.254.0.9")])
            #expect(try await inventory.changeInterface(added.id, change).object.allowedAddresses.count == 1)
        }
    }

    @Test func `the schema refuses a CIDR that no host has an address of, as the type does`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            try await cluster.execute(
                """
                INSERT INTO external_network (one, cidr, gateway, first_address, last_address)
                VALUES (1, '203.0.113.0/24', '203.0.113.1', '203.0.113.2', '203.0.113.254')
                """
            )
            for cidr in [
                "0.0.0.0/8", "0.255.255.0/24", "127.0.0.0/8", "127.255.255.252/30", "169.0.0.0/8", "169.254.0.0/16",
                "169.254.255.252/30", "224.0.0.0/8", "239.255.255.0/24", "240.0.0.0/8", "255.255.255.252/30",
            ] {
                #expect(throws: ValueError.self) { try CIDR(cidr) }
                for table: SQL in ["networks", "external_network"] {
                    let error = await #expect(throws: DatabaseError.self, "\(cidr)") {
                        try await cluster.execute("UPDATE \(sql: table) SET cidr = \(cidr)")
                    }
                    #expect(error?.code == .checkViolated)
                }
            }
        }
    }

    @Test func `doctor names values of rows that were written past clusterctl`() async throws {
        try await withCluster { cluster in
            let id = InterfaceID.new()
            let node = try await cluster.addNode("h1")
            let blue = try await cluster.addNetwork("blue")
            func findings() async throws -> [FindingView] {
                let check = try await cluster.database.withSession { DoctorCheck.values.view(on: $0) }
                #expect(check.state != .notRun, "\(check.findings)")
                return check.findings
            }
            try await cluster.execute(
                """
                INSERT INTO interfaces (id, network, node, mac, address, hostname)
                VALUES (\(id), \(blue), \(node), '02:00:00:00:00:01', '10.9.0.11', 'guest')
                """
            )
            #expect(try await findings().isEmpty)
            for (statement, part, remedy) in [
                ("UPDATE interfaces SET hostname = '42'", "'42'", "clusterctl interface set \(id) --hostname"),
                ("UPDATE networks SET mtu = 600", "MTU 600", "--mtu 1280"),
                ("UPDATE networks SET domain = 'x.local'", "RFC 6762", "--domain"),
                ("UPDATE nodes SET underlay_address = '10.9.0.7'", "10.9.0.7 of node 'h1'", "other addresses"),
                (
                    """
                    INSERT INTO external_network (one, cidr, gateway, first_address, last_address)
                    VALUES (1, '10.0.0.0/8', '10.0.0.1', '10.0.0.2', '10.0.0.3')
                    """, "external network 10.0.0.0/8", "other addresses"
                ),
            ] as [(SQL, String, String)] {
                try await cluster.execute(statement)
                let found = try await findings().first { $0.message.contains(part) }
                #expect(found?.remedy.contains(remedy) == true, "\(part)")
            }
            #expect(try await findings().count == 5)
        }
    }
}
