import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The rule by which networks have converged, in SQL with its marks and in Swift, on a real database.
@Suite(.timeLimit(.minutes(15))) struct ConvergenceRuleTests {
    /// A cluster that changes as the product changes it: what needs more of a network raises its generation.
    private struct World: Sendable {
        let cluster: TestCluster
        private let nodes = 1...5
        private let networks = 1...4

        init(cluster: TestCluster) { self.cluster = cluster }

        func prepare() async throws {
            for node in nodes { try await cluster.addNode("h\(node)") }
            for network in networks { try await cluster.addNetwork("n\(network)") }
            for node in nodes { try await run(node) }
            try await elect()
        }

        func elect() async throws {
            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES ('networknode', UUID(), 'h1', 1, NOW(6), NOW(6) + INTERVAL 600 SECOND)
                """
            )
        }

        private func run(_ node: Int) async throws {
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT UUID(), 'netnode', id, name, 1, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 600 SECOND
                FROM nodes WHERE name = \("h\(node)")
                """
            )
        }

        private func bump(_ network: Int) async throws {
            try await cluster.execute("UPDATE networks SET generation = generation + 1 WHERE name = \("n\(network)")")
        }

        /// Writes down that nodes have applied parts of a network that they should have.
        private func apply(_ network: Int, on nodes: SQL) async throws {
            try await apply("w.name = \("n\(network)") AND \(sql: nodes)")
        }

        func applyAll() async throws { try await apply("TRUE") }

        private func apply(_ condition: SQL) async throws {
            try await cluster.execute(
                """
                INSERT INTO applied_state (network, node, what, generation, term, applied_at)
                SELECT w.id, n.id, p.what, w.generation, IF(p.what = 'mesh', 0, l.term), NOW(6)
                FROM networks AS w JOIN nodes AS n JOIN leases AS l
                    JOIN (SELECT 'mesh' AS what UNION SELECT 'dnsmasq' UNION SELECT 'egress') AS p
                WHERE (p.what = 'mesh' OR n.name = l.holder_node) AND \(sql: condition)
                ON DUPLICATE KEY UPDATE generation = VALUES(generation),
                    term = GREATEST(applied_state.term, VALUES(term))
                """
            )
        }

        func step(_ random: inout SeededGenerator) async throws -> String {
            let (node, other) = (Int.random(in: nodes, using: &random), Int.random(in: nodes, using: &random))
            let network = Int.random(in: networks, using: &random)
            let (name, otherName) = ("h\(node)", "h\(other)")
            let step = Int.random(in: 0..<17, using: &random)
            switch step {
            case 0:
                try await cluster.execute(
                    """
                    INSERT IGNORE INTO interfaces (id, network, node, mac, address, hostname)
                    SELECT UUID(), w.id, n.id, CONCAT('52:54:00:00:00:0', RIGHT(n.name, 1)),
                        CONCAT('10.9.0.1', RIGHT(n.name, 1)), n.name
                    FROM networks AS w JOIN nodes AS n WHERE w.name = \("n\(network)") AND n.name = \(name)
                    """
                )
                try await bump(network)
            case 1:
                try await cluster.execute(
                    """
                    DELETE FROM interfaces WHERE node = (SELECT id FROM nodes WHERE name = \(name))
                        AND network = (SELECT id FROM networks WHERE name = \("n\(network)"))
                    """
                )
                try await bump(network)
            case 2:
                try await cluster.execute("UPDATE nodes SET is_network_node = NOT is_network_node WHERE name = \(name)")
                for network in networks { try await bump(network) }
            case 3:
                try await cluster.execute(
                    """
                    REPLACE INTO external_addresses (address, network, holder)
                    SELECT \("203.0.113.\(network)"), id, id FROM networks WHERE name = \("n\(network)")
                    """
                )
                try await bump(network)
            case 4:
                try await cluster.execute("UPDATE leases SET term = term + 1, holder = UUID(), holder_node = \(name)")
            case 5:
                try await cluster.execute(
                    """
                    INSERT IGNORE INTO mesh_reachability (from_node, to_node, state, size, since, reason)
                    SELECT f.id, t.id, IF(\(network) = 1, 'limited', 'unreachable'), IF(\(network) = 1, 1500, NULL),
                        NOW(6), 'cut'
                    FROM nodes AS f JOIN nodes AS t WHERE f.name = \(name) AND t.name = \(otherName) AND f.id <> t.id
                    """
                )
            case 6:
                let what = DataPlaneCheck.allCases.randomElement(using: &random)?.rawValue
                try await cluster.execute(
                    """
                    REPLACE INTO data_plane_checks (node, what, state, since, reason)
                    SELECT id, \(what), 'failed', NOW(6), 'why' FROM nodes WHERE name = \(name)
                    """
                )
            case 7, 8:
                try await cluster.execute("DELETE FROM mesh_reachability")
                try await cluster.execute("DELETE FROM data_plane_checks")
            case 9:
                try await cluster.execute("DELETE FROM sessions WHERE node_name = \(name)")
                if Bool.random(using: &random) { try await run(node) }
            case 10:
                let mtu = Bool.random(using: &random) ? 1450 : 1400
                try await cluster.execute("UPDATE networks SET mtu = \(mtu) WHERE name = \("n\(network)")")
                try await bump(network)
            case 11: try await apply(network, on: "n.name = \(name)")
            case 12: try await apply(network, on: "n.name <> \(name)")
            default: try await applyAll()
            }
            if Int.random(in: 0..<3, using: &random) == 0 { try await cluster.markConverged() }
            return "step \(step) of n\(network), \(name), \(otherName)"
        }
    }

    @Test func `the status finds the networks converged that the inventory does, whatever happens to them`()
        async throws
    {
        let seed = UInt64.random(in: .min ... .max)
        try await withCluster { cluster in
            let connection = ClusterConnection(
                database: cluster.database,
                requester: "test",
                waker: NoWaker(),
                logger: .silent
            )
            let world = World(cluster: cluster)
            try await world.prepare()
            var random = SeededGenerator(seed: seed)
            var (whole, broken, history) = (0, 0, [String]())
            for _ in 0..<400 {
                history.append(try await world.step(&random))
                let networks = try await Inventory(connection).networks()
                let behind = networks.filter { !$0.converged }.map(\.record.name)
                let status = try await connection.status().networks
                try #require(status.behind == behind, "seed \(seed) after \(history.suffix(8))")
                whole += networks.count - behind.count
                broken += behind.count
            }
            print("MEASURED \(whole) networks converged, \(broken) did not")
            #expect(whole > 100 && broken > 100)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE meshed_generation > 1") > 0)
        }
    }

    @Test func `a mark never goes back, and none is made of a network that lacks anything`() async throws {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 20, processes: 4)
            let marked: SQL = "meshed_generation = generation AND served_generation = generation AND served_term = 1"
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE \(sql: marked)") == 4)
            try await cluster.execute("UPDATE networks SET generation = 2 WHERE vni <= 2")
            try await cluster.execute("UPDATE applied_state SET generation = 2 WHERE what = 'mesh'")
            try await cluster.markConverged()
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE meshed_generation = 2") == 2)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE served_generation = 2") == 0)
            let network = try await cluster.database.withSession { session in
                try #require(try TopologyStatements.networkID(try NetworkName("net1"), on: session))
            }
            try await cluster.database.withTransaction { transaction in
                // As a reader of before writes late.
                let late = [
                    ConvergenceStatements.Reached(network: network, generation: 1),
                    .init(network: network, generation: 9, term: 0),
                ]
                try ConvergenceStatements.mark(late, in: transaction)
            }
            let same: SQL = "name = 'net1' AND meshed_generation = 2 AND served_generation = 1 AND served_term = 1"
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE \(sql: same)") == 1)
        }
    }
    @Test func `each change that asks more of networks makes their marks old`() async throws {
        try await withCluster { cluster in
            let inventory = Inventory(cluster.connection)
            let world = World(cluster: cluster)
            for node in 1...3 { try await cluster.addNode("h\(node)") }
            try await cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name <> 'h1'")
            try await world.elect()
            func setExternal(gateway: String) async throws {
                _ = try await inventory.setExternalNetwork(
                    try ExternalNetwork(cidr: try CIDR("203.0.113.0/24"), gateway: try IPv4Address(gateway))
                )
            }
            try await setExternal(gateway: "203.0.113.1")
            let (blue, red) = (try NetworkName("blue"), try NetworkName("red"))
            let (h2, h3) = (try NodeName("h2"), try NodeName("h3"))
            func add(_ name: NetworkName, vni: Int) async throws {
                let cidr = try CIDR("10.\(vni).0.0/24")
                _ = try await inventory.addNetwork(
                    NetworkDraft(
                        name: name,
                        vni: try VNI(vni),
                        cidr: cidr,
                        mtu: try MTU(1450),
                        domain: nil,
                        dhcp: false,
                        dns: false
                    )
                )
            }
            try await add(blue, vni: 1)
            let draft = InterfaceDraft(
                network: blue,
                node: h2,
                mac: try MACAddress("52:54:00:00:00:01"),
                address: try IPv4Address("10.1.0.9"),
                hostname: try HostName("web")
            )
            let guest = Locked<InterfaceID?>(nil)
            func interface() throws -> InterfaceID { try #require(guest.value) }
            let steps: [(sentence: String, behind: [NetworkName], act: () async throws -> Void)] = [
                ("a second network", [red], { try await add(red, vni: 2) }),
                (
                    "a guest on a further node", [blue],
                    {
                        let added = try await inventory.addInterface(draft).object
                        guest.update { $0 = added.id }
                    }
                ),
                (
                    "it moves", [blue],
                    { _ = try await inventory.changeInterface(try interface(), InterfaceChange(node: h3)) }
                ),
                ("DHCP", [red], { _ = try await inventory.changeNetwork(red, NetworkChange(dhcp: true)) }),
                ("NAT", [blue], { _ = try await inventory.changeNetwork(blue, NetworkChange(nat: true)) }),
                ("a floating address", [blue], { _ = try await inventory.floatInterface(try interface()) }),
                ("another external gateway", [blue], { try await setExternal(gateway: "203.0.113.9") }),
                (
                    "a node gets the network role", [blue, red],
                    { _ = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor, .network])) }
                ),
                (
                    "a further network node", [blue, red],
                    {
                        _ = try await inventory.addNode(
                            NodeDraft(
                                name: try NodeName("h4"),
                                underlayAddress: try IPv4Address("192.0.2.4"),
                                roles: [.network]
                            )
                        )
                    }
                ),
                ("the guest goes", [blue], { _ = try await inventory.removeInterface(try interface()) }),
                (
                    "a node that hosted one goes", [],
                    { _ = try await inventory.removeNode(h3, abortingOperations: true) }
                ),
            ]
            for step in steps {
                try await world.applyAll()
                try await cluster.markConverged()
                #expect(try await cluster.connection.status().networks.behind == [])
                #expect(try await inventory.networks().allSatisfy(\.converged))
                try await step.act()
                #expect(try await cluster.connection.status().networks.behind == step.behind, "\(step.sentence)")
                let found = try await inventory.networks().filter { !$0.converged }.map(\.record.name)
                #expect(found == step.behind, "\(step.sentence)")
            }
        }
    }
}
