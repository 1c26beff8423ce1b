import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// A guest may use the addresses that its interface has and those that are allowed to it; nodes read both with the rest
/// of what is wanted.
@Suite(.timeLimit(.minutes(15))) struct PortSecurityTests {
    private func withBlue(
        _ body: @Sendable (TestCluster, Inventory, Interface) async throws -> Void
    ) async throws {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name = 'h1'")
            try await cluster.addNetwork("blue")
            let inventory = Inventory(cluster.connection)
            let draft = try draft(1, on: "h1", allowed: ["10.9.0.200", "192.168.7.0/24"])
            let added = try await inventory.addInterface(draft)
            #expect(added.object.allowedAddresses == draft.allowedAddresses)
            try await body(cluster, inventory, added.object)
        }
    }

    private func draft(_ number: Int, on node: String, allowed: [String] = []) throws -> InterfaceDraft {
        InterfaceDraft(
            network: try NetworkName("blue"),
            node: try NodeName(node),
            mac: try MACAddress("02:00:00:00:00:0\(number)"),
            address: try IPv4Address("10.9.0.1\(number)"),
            hostname: try HostName("guest\(number)"),
            allowedAddresses: Set(try allowed.map { try IPv4CIDR($0) })
        )
    }

    private func ports(of node: String, _ cluster: TestCluster) async throws -> [PortStatements.Row] {
        let name = try NodeName(node)
        let snapshot = try await cluster.database.withSession { session in
            try #require(try WantedStatements.snapshot(on: name, on: session))
        }
        #expect(snapshot.ports.unreadable.isEmpty)
        return snapshot.ports.rows
    }

    private func generation(_ inventory: Inventory) async throws -> Int {
        try await inventory.network(try NetworkName("blue")).record.generation
    }

    @Test func `a node reads the ports of the interfaces that it hosts, and no others`() async throws {
        try await withBlue { cluster, inventory, interface in
            _ = try await inventory.addInterface(try draft(2, on: "h2"))
            let own = try await ports(of: "h1", cluster)
            let expected = PortStatements.Row.Port(
                interface: interface.id,
                mac: interface.mac,
                address: interface.address,
                allowed: [try IPv4CIDR("10.9.0.200/32"), try IPv4CIDR("192.168.7.0/24")]
            )
            #expect(own.compactMap(\.port) == [expected])
            #expect(own.allSatisfy { $0.portSecurity && $0.gateway?.description == "10.9.0.1" })
            #expect(own.allSatisfy { $0.network == own[0].network && $0.vni.rawValue == 100 })
            #expect(try await ports(of: "h2", cluster).compactMap(\.port?.address.description) == ["10.9.0.12"])
        }
    }

    @Test func `allowed addresses are added and taken back, with a new generation and work for every node`()
        async throws
    {
        try await withBlue { cluster, inventory, interface in
            func change(_ change: InterfaceChange) async throws -> (operations: Int, allowed: [String]) {
                let changed = try await inventory.changeInterface(interface.id, change)
                let read = try await inventory.interface(interface.id)
                #expect(read == changed.object)
                return (changed.operations.count, read.allowedAddresses.map(\.description))
            }
            let before = try await generation(inventory)
            let more: Set = [try IPv4CIDR("192.168.7.9/32"), try IPv4CIDR("0.0.0.0/0")]
            let added = try await change(InterfaceChange(addedAllowedAddresses: more))
            #expect(added == (3, ["0.0.0.0/0", "10.9.0.200/32", "192.168.7.0/24", "192.168.7.9/32"]))
            #expect(try await generation(inventory) == before + 1)
            // A node is told each address once.
            #expect(try await ports(of: "h1", cluster).compactMap(\.port).map(\.allowed.description) == ["[0.0.0.0/0]"])
            let again = try await change(InterfaceChange(addedAllowedAddresses: more))
            #expect(again.operations == 0)
            #expect(try await generation(inventory) == before + 1)
            let replaced = try await change(
                InterfaceChange(clearsAllowedAddresses: true, addedAllowedAddresses: [try IPv4CIDR("10.9.0.7")])
            )
            #expect(replaced == (3, ["10.9.0.7/32"]))
            let cleared = try await change(InterfaceChange(clearsAllowedAddresses: true))
            #expect(cleared == (3, []))
            #expect(try await generation(inventory) == before + 3)
        }
    }

    @Test func `a network's port security is turned off and on, with a new generation and work for every node`()
        async throws
    {
        try await withBlue { cluster, inventory, _ in
            let blue = try NetworkName("blue")
            let before = try await generation(inventory)
            for (index, isOn) in [false, true].enumerated() {
                let changed = try await inventory.changeNetwork(blue, NetworkChange(portSecurity: isOn))
                #expect(changed.operations.count == 3 && changed.object.record.portSecurity == isOn)
                #expect(try await generation(inventory) == before + index + 1)
                #expect(try await ports(of: "h1", cluster).allSatisfy { $0.portSecurity == isOn })
                let again = try await inventory.changeNetwork(blue, NetworkChange(portSecurity: isOn))
                #expect(again.operations.isEmpty)
            }
        }
    }

    @Test func `the server's address and more ranges than there are places are refused`() async throws {
        try await withBlue { cluster, inventory, interface in
            let many = try (0...InterfaceDraft.mostAllowedAddresses).map { try IPv4CIDR("172.20.\($0).0/24") }
            for (ranges, part) in [([try IPv4CIDR("10.9.0.1")], "server's address"), (many, "at most 16")] {
                let change = InterfaceChange(clearsAllowedAddresses: true, addedAllowedAddresses: Set(ranges))
                let error = await #expect(throws: ClusterOpsError.self) {
                    try await inventory.changeInterface(interface.id, change)
                }
                #expect(error?.code == .invalid && error?.message.contains(part) == true, "\(part)")
            }
            let full = InterfaceChange(clearsAllowedAddresses: true, addedAllowedAddresses: Set(many.dropLast()))
            let changed = try await inventory.changeInterface(interface.id, full)
            #expect(changed.object.allowedAddresses.count == 16)
            // The schema bounds who writes past clusterctl, too.
            for place in [0, 16, 17] {
                await #expect(throws: DatabaseError.self) {
                    try await cluster.execute(
                        "INSERT INTO allowed_addresses VALUES (\(interface.id), \(place), '10.0.0.0/8')"
                    )
                }
            }
        }
    }

    @Test func `the schema holds allowed addresses to the form that the type prints`() async throws {
        try await withBlue { cluster, inventory, interface in
            _ = try await inventory.changeInterface(interface.id, InterfaceChange(clearsAllowedAddresses: true))
            for cidr in ["10.9.0.1", "10.9.0.1/24", "10.9.0.0/33", "010.9.0.0/24", "10.9.0.0/024", "10.9.0.0/24\n", ""]
            {
                await #expect(throws: DatabaseError.self, "\(cidr)") {
                    try await cluster.execute("INSERT INTO allowed_addresses VALUES (\(interface.id), 1, \(cidr))")
                }
            }
            for (place, cidr) in ["0.0.0.0/0", "10.9.0.1/32", "128.0.0.0/1"].enumerated() {
                try await cluster.execute(
                    "INSERT INTO allowed_addresses VALUES (\(interface.id), \(place + 1), \(cidr))"
                )
            }
            #expect(try await inventory.interface(interface.id).allowedAddresses.count == 3)
        }
    }

    @Test func `a row that does not parse leaves out one port, and says why`() async throws {
        try await withBlue { cluster, inventory, interface in
            _ = try await inventory.addInterface(try draft(2, on: "h1"))
            try await cluster.database.withSession { session in
                try session.execute("SET check_constraint_checks = OFF")
                try session.execute(
                    "UPDATE allowed_addresses SET cidr = 'hostile' WHERE interface = \(interface.id) AND place = 1"
                )
                try session.execute("SET check_constraint_checks = ON")
            }
            let rows = try await ports(of: "h1", cluster)
            #expect(rows.compactMap(\.port?.address.description) == ["10.9.0.12"])
            let unreadable = try #require(rows.compactMap(\.unreadable).first)
            #expect(unreadable.interface == interface.id && unreadable.reason.contains("expected an IPv4 address"))
        }
    }

    @Test func `a removed interface takes its allowed addresses with it`() async throws {
        try await withBlue { cluster, inventory, interface in
            _ = try await inventory.removeInterface(interface.id)
            #expect(try await cluster.count("SELECT COUNT(*) FROM allowed_addresses") == 0)
            #expect(try await ports(of: "h1", cluster).isEmpty)
        }
    }
}
