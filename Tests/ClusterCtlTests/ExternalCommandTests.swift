import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

/// NAT and floating addresses as wanted state: given out once, taken back, and refused with words.
@Suite struct ExternalCommandTests {
    private static let range = ["--first", "203.0.113.10", "--last", "203.0.113.12"]
    private static let external =
        ["external", "set", "--cidr", "203.0.113.0/24", "--gateway", "203.0.113.1"] + range

    /// h1 may be elected, h2 hosts two guests of `blue` and one of `green`; both networks have the same addresses.
    private func prepare(_ cluster: TestCluster) async throws -> [InterfaceID] {
        for arguments in [
            ["node", "add", "h1", "--underlay", "192.0.2.1", "--role", "network"],
            ["node", "add", "h2", "--underlay", "192.0.2.2"], Self.external,
            ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24"],
            ["network", "add", "green", "--vni", "200", "--cidr", "10.1.0.0/24"],
        ] {
            let run = try await ClusterCtlProgram.run(arguments, on: cluster.configuration)
            try #require(run.status == 0, "\(run.talk)")
        }
        // As of before the external network, by an earlier version.
        try await cluster.execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            VALUES (\(NetworkID.new()), 'red', 300, '203.0.112.0/20', 1450, TRUE, TRUE)
            """
        )
        var interfaces: [InterfaceID] = []
        for (number, network) in [(2, "blue"), (3, "blue"), (4, "green")] {
            let arguments = [
                "interface", "add", network, "--node", "h2", "--mac", "52:54:00:00:00:0\(number)", "--address",
                "10.1.0.\(number)", "--hostname", "web\(number)",
            ]
            let added = try await cluster.example(of: ChangedView<InterfaceView>.self, "interface-add", arguments)
            interfaces.append(added.object.uuid)
        }
        try await cluster.execute("DELETE FROM work_queue")
        return interfaces
    }

    private func generation(_ cluster: TestCluster) async throws -> Int {
        try await cluster.count("SELECT generation FROM networks WHERE name = 'blue'")
    }

    private func refuse(
        _ cluster: TestCluster,
        _ status: Int32,
        _ words: String,
        _ arguments: [String]
    ) async throws {
        let before = try await generation(cluster)
        let run = try await ClusterCtlProgram.run(arguments, on: cluster.configuration)
        #expect(run.status == status && run.talk.contains(words), "\(arguments): \(run.status) \(run.talk)")
        #expect(run.output == "")
        #expect(try await generation(cluster) == before, "\(arguments)")
        #expect(try await cluster.work() == [], "\(arguments)")
    }

    private static let work = [
        "network_apply_update_dnsmasq blue", "network_ensure_mesh blue h1", "network_ensure_mesh blue h2",
    ]

    /// Runs a change twice: it enqueues what applies it, and the second time it is none.
    private func change<Object: Codable & Sendable>(
        _ cluster: TestCluster,
        _ golden: String,
        _ arguments: [String]
    ) async throws -> Object {
        let before = try await generation(cluster)
        let first = try await cluster.example(of: ChangedView<Object>.self, golden, arguments, alsoAsTable: false)
        #expect(try await cluster.work() == Self.work, "\(arguments)")
        #expect(first.operations.count == 3)
        try await cluster.execute("DELETE FROM work_queue")
        let second = try await cluster.example(of: ChangedView<Object>.self, golden, arguments, alsoAsTable: true)
        #expect(second.operations == [], "\(arguments) is so already")
        #expect(try await generation(cluster) == before + 1)
        return first.object
    }

    @Test func `a network's NAT and its guests' floats are given out, shown and taken back`() async throws {
        try await withCluster { cluster in
            let interfaces = try await prepare(cluster)
            let network: NetworkView = try await change(cluster, "network-set", ["network", "set", "blue", "--nat"])
            #expect(network.nat && network.externalAddress?.description == "203.0.113.10")
            #expect(network.gateway, "with NAT guests get a default route")
            let float = ["interface", "float", "\(interfaces[0])"]
            let floating: InterfaceView = try await change(cluster, "interface-float", float)
            #expect(floating.floatingAddress?.description == "203.0.113.11")
            let chosen: InterfaceView = try await change(
                cluster,
                "interface-float",
                ["interface", "float", "\(interfaces[1])", "--address", "203.0.113.12"]
            )
            #expect(chosen.floatingAddress?.description == "203.0.113.12")
            let ports = ["--port", "udp/53", "--port", "tcp/443", "--port", "tcp/80", "--port", "tcp/80"]
            let limited: InterfaceView = try await change(cluster, "interface-float", float + ports)
            #expect(limited.floatingPorts.map(\.description) == ["tcp/80", "tcp/443", "udp/53"])
            #expect(limited.floatingAddress == floating.floatingAddress)
            let again: ChangedView<InterfaceView> = try await cluster.answer(
                ChangedView<InterfaceView>.self,
                "interface",
                "float",
                "\(interfaces[0])"
            )
            #expect(again.operations == [] && again.object == limited, "without a list it stays as it is")
            let listed = try await cluster.example(
                of: ListView<InterfaceView>.self,
                "interface-list",
                ["interface", "list"],
                alsoAsTable: true
            )
            #expect(
                listed.items.map { $0.floatingAddress?.description } == ["203.0.113.11", "203.0.113.12", nil]
            )
            let shown = try await cluster.example(
                of: ExternalNetworkView.self,
                "external-show",
                ["external", "show"],
                alsoAsTable: true
            )
            #expect(shown.addressesUsed == 3 && shown.addressesFree == 0)
            // A change of the interface leaves it its float.
            let moved = try await cluster.answer(
                ChangedView<InterfaceView>.self,
                "interface",
                "set",
                "\(interfaces[0])",
                "--address",
                "10.1.0.9"
            )
            #expect(moved.object.floatingAddress == floating.floatingAddress)
            #expect(moved.object.floatingPorts == limited.floatingPorts)
            try await cluster.execute("DELETE FROM work_queue")
            let open: InterfaceView = try await change(cluster, "interface-float", float + ["--all-ports"])
            #expect(open.floatingPorts == [] && open.floatingAddress == floating.floatingAddress)
            let taken: InterfaceView = try await change(
                cluster,
                "interface-unfloat",
                ["interface", "unfloat", "\(interfaces[0])"]
            )
            #expect(taken.floatingAddress == nil)
            // With the interface goes its float.
            let removed = try await cluster.example(
                of: ChangedView<InterfaceView>.self,
                "interface-remove",
                ["interface", "remove", "\(interfaces[1])", "--yes"]
            )
            #expect(removed.object.floatingAddress?.description == "203.0.113.12")
            #expect(try await cluster.count("SELECT COUNT(*) FROM external_addresses") == 1)
            try await cluster.execute("DELETE FROM work_queue")
            let without: NetworkView = try await change(cluster, "network-set", ["network", "set", "blue", "--no-nat"])
            #expect(!without.nat && without.externalAddress == nil && !without.gateway)
            let asked: NetworkView = try await change(cluster, "network-set", ["network", "set", "blue", "--gateway"])
            #expect(asked.gateway && !asked.nat)
            _ = try await cluster.example(
                of: ChangedView<ExternalNetworkView>.self,
                "external-remove",
                ["external", "remove", "--yes"]
            )
            try await refuse(cluster, 3, "clusterctl external set", ["external", "show"])
        }
    }

    @Test func `what cannot be given is refused with a word on why, and nothing changes`() async throws {
        try await withCluster { cluster in
            let interfaces = try await prepare(cluster).map { "\($0)" }
            let float = ["interface", "float", interfaces[0]]
            try await refuse(cluster, 4, "network 'blue' has no NAT", float)
            try await refuse(cluster, 64, "overlaps with the external network", ["network", "set", "red", "--nat"])
            let unknown = "0190163d-8694-739b-aea5-966c26f8ad92"
            try await refuse(cluster, 3, unknown, ["interface", "float", unknown])
            try await refuse(cluster, 3, unknown, ["interface", "unfloat", unknown])
            for network in ["blue", "green"] {
                let run = try await cluster.clusterctl("network", "set", network, "--nat", "--no-apply")
                try #require(run.status == 0, "\(run.talk)")
            }
            for (status, words, address) in [
                (Int32(64), "203.0.113.10 to 203.0.113.12", "198.51.100.1"), (64, "203.0.113.13", "203.0.113.13"),
                (64, "203.0.113.1 ", "203.0.113.1"), (64, "203.0.113.x", "203.0.113.x"),
                (4, "203.0.113.10 is taken", "203.0.113.10"),
            ] {
                try await refuse(cluster, status, words, float + ["--address", address])
            }
            let given = try await cluster.clusterctl("interface", "float", interfaces[0], "--no-apply")
            try #require(given.status == 0, "\(given.talk)")
            try await refuse(cluster, 4, "has the floating address", float + ["--address", "203.0.113.10"])
            try await refuse(cluster, 4, "all 3 external addresses", ["interface", "float", interfaces[1]])
            let white = ["network", "add", "white", "--vni", "400", "--cidr", "10.1.0.0/24", "--nat"]
            try await refuse(cluster, 4, "all 3 external addresses", white)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE name = 'white'") == 0)
            try await refuse(cluster, 4, "1 floating address", ["network", "set", "blue", "--no-nat"])
            try await refuse(cluster, 4, "given out", ["external", "remove", "--yes"])
            let backwards = ["--first", "203.0.113.9", "--last", "203.0.113.8"]
            let base = ["external", "set", "--cidr", "203.0.113.0/24", "--gateway"]
            try await refuse(cluster, 4, "203.0.113.10 is given out", base + ["203.0.113.10"])
            try await refuse(cluster, 4, "203.0.113.12 is given out", base + ["203.0.113.1", "--last", "203.0.113.11"])
            try await refuse(cluster, 64, "gateway 198.51.100.1", base + ["198.51.100.1"])
            try await refuse(cluster, 4, "network 'red', which is 203.0.112.0/20, overlaps", base + ["203.0.113.2"])
            try await refuse(
                cluster,
                64,
                "before it begins",
                base + ["203.0.113.1"] + backwards
            )
        }
    }

    @Test func `another gateway outside is a change of every network that has NAT`() async throws {
        try await withCluster { cluster in
            _ = try await prepare(cluster)
            _ = try await cluster.clusterctl("network", "set", "blue", "--nat", "--no-apply")
            let before = try await generation(cluster)
            try await cluster.execute("DELETE FROM networks WHERE name = 'red'")
            let other = ["external", "set", "--cidr", "203.0.113.0/24", "--gateway", "203.0.113.254"]
            let changed = try await cluster.example(
                of: ChangedView<ExternalNetworkView>.self,
                "external-set",
                other,
                alsoAsTable: true
            )
            #expect(changed.object.addressesFree == 252)
            #expect(try await cluster.work() == Self.work)
            #expect(try await generation(cluster) == before + 1)
        }
    }

    @Test func `of many who want an address at once, each gets another one, and the rest hears that none is left`()
        async throws
    {
        try await withCluster { cluster in
            _ = try await prepare(cluster)
            let runs = try await withThrowingTaskGroup(of: ProgramRun.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        try await cluster.clusterctl(
                            "network",
                            "add",
                            "n\(number)",
                            "--vni",
                            "\(1000 + number)",
                            "--cidr",
                            "10.1.0.0/24",
                            "--nat"
                        )
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(runs.map(\.status).sorted() == [0, 0, 0, 4, 4, 4], "\(runs.map(\.talk))")
            #expect(try await cluster.count("SELECT COUNT(*) FROM external_addresses") == 3)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE name LIKE 'n_'") == 3)
        }
    }

    @Test func `the schema refuses an address twice, a second one of the same holder, and a holder that is neither`()
        async throws
    {
        try await withCluster { cluster in
            let interfaces = try await prepare(cluster)
            _ = try await cluster.clusterctl("network", "set", "blue", "--nat", "--no-apply")
            let (blue, green): (SQL, SQL) = (
                "(SELECT id FROM networks WHERE name = 'blue')", "(SELECT id FROM networks WHERE name = 'green')"
            )
            for (address, network, holder) in [
                ("203.0.113.10", green, green), ("203.0.113.11", blue, blue), ("203.0.113.11", green, blue),
            ] {
                await #expect(throws: DatabaseError.self) {
                    try await cluster.execute(
                        """
                        INSERT INTO external_addresses (address, network, holder)
                        VALUES (\(address), \(sql: network), \(sql: holder))
                        """
                    )
                }
            }
            await #expect(throws: DatabaseError.self) {
                try await cluster.execute(
                    """
                    INSERT INTO external_addresses (address, network, interface, holder)
                    VALUES ('203.0.113.11', \(sql: blue), \(interfaces[0]), \(sql: blue))
                    """
                )
            }
            await #expect(throws: DatabaseError.self) {
                try await cluster.execute(
                    "INSERT INTO external_network VALUES (2, '10.0.0.0/8', '10.0.0.1', '10.0.0.2', '10.0.0.3')"
                )
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM external_addresses") == 1)
        }
    }
}
