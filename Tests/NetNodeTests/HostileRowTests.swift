import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

/// Rows that were written past `clusterctl`.
@Suite struct HostileRowTests {
    /// Host names that would be a line, a field or an option of their own in a server's files.
    static let names = [
        "a\ndhcp-range=10.0.0.1,10.0.0.9", "a\n", "a,ignore", "-x", "x-", "a b", "a#b", "set:x", "a\u{1b}[2J", "a\r",
        "A", "",
    ]
    static let macs = ["02:00:00:00:00", "03:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:1\n", "*", "id:*"]
    static let domains = ["a\nserver=192.0.2.66", "a.example\n", "a,10.0.0.0/8", "a..b", "-a", "a b", "#", "1.2", ""]
    static let cidrs = [
        "10.9.0.0", "10.9.0.0/24\n", "10.9.0.0/24,static", "", "a", "10.9.0.1/24", "10.9.0.4/29", "10.9.0.256/24",
        "999.9.0.0/24", "10.09.0.0/24", "10.9.0.0/024", "10.9.0.0/7", "10.9.0.0/31", "10.9.0.0/0", "10.9.0/24",
        "10.9.0.0.0/24", "+10.9.0.0/24", " 10.9.0.0/24", "10.9.0.0/24 ",
    ]

    private func prepare(_ cluster: TestCluster) async throws -> (network: NetworkID, node: NodeID) {
        let (network, node) = (NetworkID.new(), NodeID.new())
        try await cluster.execute(
            """
            INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
            VALUES (\(node), 'h1', '192.0.2.1', TRUE, TRUE)
            """
        )
        try await cluster.execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, domain, dhcp, dns)
            VALUES (\(network), 'blue', 100, '10.9.0.0/24', 1450, 'guests.example', TRUE, TRUE)
            """
        )
        return (network, node)
    }

    private func insert(
        _ cluster: TestCluster,
        _ place: (network: NetworkID, node: NodeID),
        mac: String = "02:00:00:00:00:0b",
        address: String = "10.9.0.11",
        hostname: String = "guest-11"
    ) async throws -> InterfaceID {
        let id = InterfaceID.new()
        try await cluster.execute(
            """
            INSERT INTO interfaces (id, network, node, mac, address, hostname)
            VALUES (\(id), \(place.network), \(place.node), \(mac), \(address), \(hostname))
            """
        )
        return id
    }

    /// As in a database whose schema somebody has changed.
    static func dropChecks(_ cluster: TestCluster) async throws {
        try await cluster.execute(
            """
            ALTER TABLE interfaces DROP CONSTRAINT interface_mac_is_unicast,
                DROP CONSTRAINT interface_hostname_is_a_label,
                MODIFY hostname VARCHAR(300) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL
            """
        )
    }

    @Test func `the schema refuses each of them`() async throws {
        try await withCluster { cluster in
            let place = try await prepare(cluster)
            func refuses(_ what: String, _ code: DatabaseError.Code, _ work: () async throws -> Void) async {
                do {
                    try await work()
                    Issue.record("\(what) was taken")
                } catch let error as DatabaseError {
                    #expect(error.code == code, "\(what): \(error)")
                } catch {
                    Issue.record("\(what): \(error)")
                }
            }
            for name in Self.names {
                await refuses(name.debugDescription, .checkViolated) {
                    _ = try await insert(cluster, place, hostname: name)
                }
            }
            for mac in Self.macs {
                await refuses(mac.debugDescription, .checkViolated) { _ = try await insert(cluster, place, mac: mac) }
            }
            for domain in Self.domains {
                await refuses(domain.debugDescription, .checkViolated) {
                    try await cluster.execute("UPDATE networks SET domain = \(domain)")
                }
            }
            try await cluster.execute(
                """
                INSERT INTO external_network (one, cidr, gateway, first_address, last_address)
                VALUES (1, '203.0.113.0/24', '203.0.113.1', '203.0.113.2', '203.0.113.254')
                """
            )
            for cidr in Self.cidrs where cidr.utf8.count <= 18 {
                await refuses("outside: \(cidr.debugDescription)", .checkViolated) {
                    try await cluster.execute("UPDATE external_network SET cidr = \(cidr)")
                }
            }
            for address in ["203.0.113.0", "203.0.113.255", "203.0.114.1"] {
                for column: SQL in ["gateway", "first_address", "last_address"] {
                    await refuses("outside: \(address)", .checkViolated) {
                        try await cluster.execute("UPDATE external_network SET \(sql: column) = \(address)")
                    }
                }
            }
            await refuses("a name of a node with a newline", .checkViolated) {
                try await cluster.execute("UPDATE nodes SET name = \("h1\n")")
            }
            for cidr in Self.cidrs {
                #expect(throws: ValueError.self) { try CIDR(cidr) }
                await refuses(cidr.debugDescription, .checkViolated) {
                    try await cluster.execute("UPDATE networks SET cidr = \(cidr)")
                }
            }
            await refuses("a name of a network with a newline", .checkViolated) {
                try await cluster.execute("UPDATE networks SET name = \("blue\n")")
            }
            let long = String(repeating: "a", count: 300)
            await refuses("300 bytes", .dataTooLong) { _ = try await insert(cluster, place, hostname: long) }
            for address in ["10.9.0", "10.9.0.256", "10.9.0.11\n", "::1"] {
                await refuses(address.debugDescription, .truncatedValue) {
                    _ = try await insert(cluster, place, address: address)
                }
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM interfaces") == 0)
            // What the types print is taken.
            for cidr in [
                "1.0.0.0/8", "10.0.0.0/8", "10.9.0.4/30", "126.0.0.0/8", "128.0.0.0/8", "169.253.255.252/30",
                "169.255.0.0/24", "199.199.99.0/24", "223.255.255.252/30",
            ] {
                #expect(try CIDR(cidr).description == cidr)
                try await cluster.execute("UPDATE networks SET cidr = \(cidr)")
            }
            _ = try await insert(cluster, place, mac: "02:00:00:00:00:ff", hostname: "a-1")
            for domain in ["a", "a-b.c1.example", "1.2.a3"] {
                #expect(try DomainName(domain).description == domain)
                try await cluster.execute("UPDATE networks SET domain = \(domain)")
            }
        }
    }

    @Test func `without the schema's checks each is left out by itself, and says why in one plain line`() async throws {
        try await withCluster { cluster in
            let place = try await prepare(cluster)
            try await Self.dropChecks(cluster)
            let good = try await insert(cluster, place)
            var bad: [InterfaceID] = []
            let long = String(repeating: "a", count: 300)
            for (number, name) in (Self.names.filter { $0 != "A" } + [long]).enumerated() {
                bad.append(
                    try await insert(
                        cluster,
                        place,
                        mac: "02:00:00:00:01:\(10 + number)",
                        address: "10.9.0.\(20 + number)",
                        hostname: name
                    )
                )
            }
            for (number, mac) in Self.macs.enumerated() {
                bad.append(
                    try await insert(
                        cluster,
                        place,
                        mac: mac,
                        address: "10.9.0.\(60 + number)",
                        hostname: "mac-\(number)"
                    )
                )
            }
            for (number, address) in ["10.8.0.5", "10.9.0.0", "10.9.0.1", "10.9.0.255"].enumerated() {
                bad.append(
                    try await insert(
                        cluster,
                        place,
                        mac: "02:00:00:00:02:\(10 + number)",
                        address: address,
                        hostname: "address-\(number)"
                    )
                )
            }
            // Another spelling of what is somebody's already, and what is the server's own.
            for (number, (mac, name)) in [
                ("02:00:00:00:00:0B", "double-1"), ("02:00:00:00:03:01", "Guest-11"), ("02:63:6f:00:00:64", "gateway"),
            ].enumerated() {
                bad.append(
                    try await insert(cluster, place, mac: mac, address: "10.9.0.\(80 + number)", hostname: name)
                )
            }
            let all = try await cluster.database.withSession { session in
                try #require(try WantedStatements.snapshot(on: try NodeName("h1"), on: session))
            }
            let wanted = try #require(ServerWanted.all(in: all.servers.rows).first)
            #expect(
                wanted.hosts.map { "\($0.mac) \($0.address) \($0.hostname)" } == [
                    "02:00:00:00:00:0b 10.9.0.11 guest-11"
                ]
            )
            #expect(wanted.objections.count == bad.count)
            for id in bad {
                let objections = wanted.objections.filter { $0.hasPrefix("interface \(id): ") }
                #expect(objections.count == 1, "\(id): \(wanted.objections)")
                #expect(!objections.contains { $0.hasControlCharacters }, "\(objections)")
            }
            #expect(!wanted.objections.contains { $0.contains("\(good)") })
            let files = ServerFiles(
                wanted,
                at: try ServerPaths(directory: "/run/x/100"),
                probe: try MACAddress("02:63:70:00:00:64")
            )
            #expect(files.hosts == "02:00:00:00:00:0b,id:*,10.9.0.11,guest-11\n02:63:70:00:00:64,10.9.0.0\n")
            #expect(files.names == "10.9.0.11 guest-11.guests.example guest-11\n")
            // The mesh takes nothing from it but that the node takes part.
            let mesh = try MeshWanted(all.mesh.rows, on: place.node)
            #expect(mesh.networks.count == 1)
        }
    }
}

extension NamespaceTests {
    @Suite(.serialized) struct HostileNetworkTests {
        @Test func `a network whose own row is hostile is left as it is, and all others are served`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                try await UnreadableNetworkTests.dropChecks(world.cluster)
                let blue = try await world.addNetwork("blue", vni: 100)
                let red = try await world.addNetwork("red", vni: 200)
                for network in [blue, red] { try await world.want(11, in: network, on: 0) }
                // This one was never good.
                _ = try await world.addNetwork("green", vni: 300)
                try await world.cluster.execute("UPDATE networks SET cidr = '10.9.0.1/24' WHERE name = 'green'")
                try await nodes.start(0, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "300ms"])
                let inventory = nodes.inventory
                let (blueName, redName) = (try NetworkName("blue"), try NetworkName("red"))
                for name in [blueName, redName] {
                    try await eventually("\(name) has converged") { try await inventory.network(name).converged }
                }
                try await world.cluster.execute("UPDATE networks SET cidr = '10.9.0.256/24' WHERE name = 'red'")
                for name in ["red", "green"] {
                    try await eventually("\(name) has a problem") {
                        try await inventory.network(try NetworkName(name)).problems.contains {
                            $0.what == "row" && $0.message.contains("cidr") && !$0.message.contains("256")
                        }
                    }
                }
                let host = world.hosts[0]
                // Maintenance takes away what nobody wants, and nothing of what it cannot read.
                try await world.underlay.run("ip link add name cobr400 type bridge", in: host.namespace)
                try await eventually("a stray is gone") {
                    try await !world.underlay.run("ip -o link show", in: host.namespace).contains("cobr400")
                }
                let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                for device in ["cobr200", "covx200", "cogw200", "cobr300"] {
                    #expect(links.contains(device), "\(links)")
                }
                for network in [blue, red] {
                    let guest = try await world.start(11, in: network, on: 0)
                    #expect(try await world.underlay.lease(of: guest)?["ip"] == "10.9.0.11")
                }
                // New guests of the others are served, and operators see all.
                try await world.want(12, in: blue, on: 0)
                _ = try await inventory.reconcileNetwork(blueName)
                try await eventually("blue converges") { try await inventory.network(blueName).converged }
                #expect(try await inventory.networks().map { $0.record.cidr == nil } == [false, true, true])
                #expect(try await inventory.network(blueName).problems.isEmpty)
                try await world.cluster.execute("UPDATE networks SET cidr = '10.9.0.0/24' WHERE name = 'red'")
                try await eventually("red is no problem any more") {
                    let network = try await inventory.network(redName)
                    return network.problems.isEmpty && network.converged
                }
            }
        }

        @Test func `a hostile external network stops egress alone, and what there is of it stays`() async throws {
            try await withNetNodes(hosts: 2, networkNodes: [0]) { nodes in
                let world = nodes.world
                let host = world.hosts[0]
                try await connectOutside(world.underlay, [host.namespace], to: world.hosts[1].namespace)
                try await UnreadableNetworkTests.dropChecks(world.cluster)
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let inventory = nodes.inventory
                try await nodes.defineExternal()
                let name = try NetworkName("blue")
                _ = try await inventory.changeNetwork(name, NetworkChange(nat: true))
                try await nodes.start(
                    0,
                    environment: [
                        "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "300ms", "CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr",
                    ]
                )
                try await eventually("it has converged") { try await inventory.network(name).converged }
                try await world.cluster.execute("UPDATE external_network SET cidr = '203.0.113.1/24'")
                try await eventually("it is a problem") {
                    try await inventory.network(name).problems.contains {
                        $0.what == "egress" && $0.message.contains("external")
                    }
                }
                // A new elected node serves all the same.
                let program = try nodes.program(0)
                let term = try await nodes.term()
                program.signal(SIGKILL)
                _ = try await program.end()
                try await nodes.start(
                    0,
                    environment: [
                        "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "300ms", "CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr",
                    ]
                )
                _ = try await nodes.elected(above: term)
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest)?["ip"] == "10.9.0.11")
                let outside = "ping -n -c 1 -W 1 \(EgressWorld.outsideAddress)"
                try await world.underlay.run("ip route add default via 10.9.0.1", in: guest.namespace)
                try await eventually("its egress is ready") {
                    (try? await world.underlay.run(outside, in: guest.namespace)) != nil
                }
                try await world.cluster.execute("UPDATE external_network SET cidr = '203.0.113.0/24'")
                try await eventually("it is no problem any more") {
                    let network = try await inventory.network(name)
                    return network.problems.isEmpty && network.converged
                }
            }
        }

        @Test func `a network with a hostile row is served to all others, and the row is a problem until it is gone`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await HostileRowTests.dropChecks(world.cluster)
                try await world.want(11, in: blue, on: 0)
                let hostile = InterfaceID.new()
                try await world.cluster.execute(
                    """
                    INSERT INTO interfaces (id, network, node, mac, address, hostname)
                    VALUES (\(hostile), \(blue.id), \(world.nodes[0]), '02:00:00:00:77:77', '10.9.0.77',
                        \("x\ndhcp-option=6,192.0.2.66"))
                    """
                )
                let program = try await nodes.start(0)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest)?["dns"] == "10.9.0.1")
                let cluster = ClusterConnection(world.cluster.configuration, requester: "test", logger: .silent)
                let inventory = Inventory(cluster)
                let blueName = try NetworkName("blue")
                try await eventually("it has converged") { try await inventory.network(blueName).converged }
                let problem = try #require(try await inventory.network(blueName).problems.first)
                #expect(problem.what == "interfaces" && problem.node.description == "h1")
                #expect(problem.message.hasPrefix("left out: interface \(hostile): host name: expected"))
                #expect(!problem.message.contains("\n"))

                try await world.cluster.execute("DELETE FROM interfaces WHERE id = \(hostile)")
                try await world.want(12, in: blue, on: 0)
                _ = try await inventory.reconcileNetwork(blueName)
                try await eventually("it is no problem any more") {
                    let network = try await inventory.network(blueName)
                    return network.converged && network.problems.isEmpty
                }
                #expect(program.isRunning)
                await cluster.close()
            }
        }
    }
}
