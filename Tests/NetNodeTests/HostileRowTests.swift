import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterOps
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
    static let cidrs = ["10.9.0.0", "10.9.0.0/24\n", "10.9.0.0/24,static", "", "a"]

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
            for cidr in Self.cidrs {
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
                ("02:63:70:00:00:64", "probe"),
            ].enumerated() {
                bad.append(
                    try await insert(cluster, place, mac: mac, address: "10.9.0.\(80 + number)", hostname: name)
                )
            }
            let all = try await cluster.database.withSession { session in
                ServerWanted.all(in: try ServerStatements.rows(of: nil, on: session))
            }
            let wanted = try #require(all.first)
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
            let files = ServerFiles(wanted, at: try ServerPaths(directory: "/run/x/100"))
            #expect(files.hosts == "02:00:00:00:00:0b,10.9.0.11,guest-11\n02:63:70:00:00:64,10.9.0.0\n")
            #expect(files.names == "10.9.0.11 guest-11.guests.example guest-11\n")
            // The mesh takes nothing from it but that the node takes part.
            let mesh = try await cluster.database.withSession { session in
                try MeshWanted(try MeshStatements.rows(of: place.node, network: nil, on: session), on: place.node)
            }
            #expect(mesh.networks.count == 1)
        }
    }
}

extension NamespaceTests {
    @Suite struct HostileNetworkTests {
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
