import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

/// What exists can be changed, in one transaction with the operations that apply the change.
@Suite struct SetCommandTests {
    /// h1 may be elected, h2 and h3 host one guest of `blue` each, h4 nothing; nothing is left to be done.
    private func prepare(_ cluster: TestCluster) async throws -> [InterfaceID] {
        for arguments in [
            ["node", "add", "h1", "--underlay", "192.0.2.1", "--role", "network"],
            ["node", "add", "h2", "--underlay", "192.0.2.2"], ["node", "add", "h3", "--underlay", "192.0.2.3"],
            ["node", "add", "h4", "--underlay", "192.0.2.4"],
            ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24", "--domain", "guests.example"],
            ["network", "add", "green", "--vni", "200", "--cidr", "10.1.0.0/24"],
        ] {
            let run = try await ClusterCtlProgram.run(arguments, on: cluster.configuration)
            try #require(run.status == 0, "\(run.talk)")
        }
        var interfaces: [InterfaceID] = []
        for number in 2...3 {
            let added = try await cluster.answer(
                ChangedView<InterfaceView>.self,
                "interface",
                "add",
                "blue",
                "--node",
                "h\(number)",
                "--mac",
                "52:54:00:00:00:0\(number)",
                "--address",
                "10.1.0.\(number)",
                "--hostname",
                "web\(number)"
            )
            interfaces.append(added.object.uuid)
        }
        try await cluster.execute("DELETE FROM work_queue")
        return interfaces
    }

    private func generations(_ cluster: TestCluster) async throws -> [Int] {
        try await cluster.database.withSession { session in
            try session.query("SELECT generation FROM networks ORDER BY name").map { try $0.only(Int.self) }
        }
    }

    /// Runs a change twice; the second time it is none.
    private func change<Object: Codable & Sendable>(
        _ cluster: TestCluster,
        _ golden: String,
        _ arguments: [String]
    ) async throws -> (object: Object, work: [String]) {
        let before = try await generations(cluster)
        let first = try await cluster.example(of: ChangedView<Object>.self, golden, arguments)
        let work = try await cluster.work()
        #expect(first.operations.count == work.count && Set(work).count == work.count, "\(arguments): \(work)")
        let after = try await generations(cluster)
        #expect(after == [before[0] + 1, before[1]], "\(arguments)")
        let second = try await cluster.example(of: ChangedView<Object>.self, golden, arguments)
        #expect(second.operations == [], "\(arguments) is so already")
        #expect(try await generations(cluster) == after)
        try await cluster.execute("DELETE FROM work_queue")
        return (first.object, work)
    }

    private static let everywhere = [
        "network_apply_update_dnsmasq blue", "network_ensure_mesh blue h1", "network_ensure_mesh blue h2",
        "network_ensure_mesh blue h3",
    ]

    @Test func `a network's MTU, domain and services can be changed, one by one or together`() async throws {
        try await withCluster { cluster in
            _ = try await prepare(cluster)
            func set(_ options: String...) async throws -> NetworkView {
                let (object, work): (NetworkView, [String]) = try await change(
                    cluster,
                    "network-set",
                    ["network", "set", "blue"] + options
                )
                #expect(work == Self.everywhere, "\(options)")
                return object
            }
            #expect(try await set("--mtu", "1400").mtu.rawValue == 1400)
            #expect(try await set("--domain", "Other.Example").domain?.description == "other.example")
            #expect(try await set("--no-domain").domain == nil)
            #expect(try await !set("--no-dhcp").dhcp)
            #expect(try await !set("--no-dns").dns)
            let all = try await set("--dhcp", "--dns", "--mtu", "1450", "--domain", "guests.example")
            #expect(all.dhcp && all.dns && all.mtu.rawValue == 1450 && all.domain?.description == "guests.example")
            #expect(try await !set("--no-port-security").portSecurity)
            #expect(try await set("--port-security").portSecurity)
            let silent = try await cluster.example(
                of: ChangedView<NetworkView>.self,
                "network-set",
                ["network", "set", "blue", "--mtu", "1300", "--no-apply"],
                alsoAsTable: true
            )
            #expect(silent.operations == [] && silent.object.mtu.rawValue == 1300)
            #expect(try await cluster.work() == [])
        }
    }

    @Test func `an interface can have another MAC, address, name or node, and keeps its id`() async throws {
        try await withCluster { cluster in
            let interfaces = try await prepare(cluster)
            let id = "\(interfaces[0])"
            func set(_ options: String...) async throws -> (object: InterfaceView, work: [String]) {
                try await change(cluster, "interface-set", ["interface", "set", id] + options)
            }
            for (option, value) in [
                ("--mac", "52:54:00:00:00:0a"), ("--address", "10.1.0.9"), ("--hostname", "web9"),
            ] {
                let (object, work) = try await set(option, value)
                #expect(work == Self.everywhere)
                #expect(
                    [object.mac.description, object.address.description, object.hostname.description].contains(value)
                )
            }
            for (options, allowed) in [
                (["--allow-address", "10.1.0.200"], ["10.1.0.200/32"]),
                (["--allow-address", "10.2.0.0/16"], ["10.1.0.200/32", "10.2.0.0/16"]),
                (["--clear-allowed-addresses", "--allow-address", "0.0.0.0/0"], ["0.0.0.0/0"]),
                (["--clear-allowed-addresses"], []),
            ] {
                let changed: (object: InterfaceView, work: [String]) =
                    try await change(cluster, "interface-set", ["interface", "set", id] + options)
                #expect(changed.work == Self.everywhere)
                #expect(changed.object.allowedAddresses.map(\.description) == allowed)
            }
            // The old node has something to take away, the new one to make, and the elected one to serve.
            let moved = try await set("--node", "h4")
            #expect(moved.work == Self.everywhere + ["network_ensure_mesh blue h4"])
            let shown = try await cluster.answer(InterfaceView.self, "interface", "show", id)
            #expect(shown == moved.object && "\(shown.uuid)" == id && shown.mac.description == "52:54:00:00:00:0a")
            let all = try await set("--node", "h2", "--mac", "52:54:00:00:00:02", "--hostname", "web2")
            #expect(all.work == Self.everywhere + ["network_ensure_mesh blue h4"])
            for (status, word, options) in [
                (4, "52:54:00:00:00:03", ["--mac", "52:54:00:00:00:03"]), (4, "10.1.0.3", ["--address", "10.1.0.3"]),
                (4, "web3", ["--hostname", "web3"]), (64, "server", ["--address", "10.1.0.1"]),
                (64, "outside", ["--address", "10.2.0.9"]), (64, "server", ["--allow-address", "10.1.0.1"]),
                (64, "host bits", ["--allow-address", "10.1.0.1/24"]),
                (64, "reserved", ["--mac", "02:63:6f:00:00:64"]),
                (3, "h9", ["--node", "h9"]),
            ] {
                let before = try await generations(cluster)
                let run = try await ClusterCtlProgram.run(
                    ["interface", "set", id] + options,
                    on: cluster.configuration
                )
                #expect(Int(run.status) == status && run.talk.contains(word), "\(options): \(run.talk)")
                #expect(try await generations(cluster) == before)
            }
            #expect(try await cluster.work() == [])
        }
    }

    @Test func `a node's underlay address can be changed, for the networks that it takes part in`() async throws {
        try await withCluster { cluster in
            _ = try await prepare(cluster)
            let (node, work): (NodeView, [String]) = try await change(
                cluster,
                "node-set",
                ["node", "set", "h2", "--underlay", "192.0.2.22"]
            )
            #expect(node.underlayAddress.description == "192.0.2.22")
            #expect(work == Self.everywhere)
            // One that may be elected is in every network.
            let before = try await generations(cluster)
            let elected = ["node", "set", "h1", "--underlay", "192.0.2.11"]
            _ = try await cluster.example(of: ChangedView<NodeView>.self, "node-set", elected)
            let green = ["network_apply_update_dnsmasq green", "network_ensure_mesh green h1"]
            #expect(try await cluster.work() == (Self.everywhere + green).sorted())
            #expect(try await generations(cluster) == before.map { $0 + 1 })
            // One that hosts nothing is in none.
            let idle = ["node", "set", "h4", "--underlay", "192.0.2.44"]
            let none = try await cluster.example(of: ChangedView<NodeView>.self, "node-set", idle)
            #expect(none.operations == [])
            #expect(try await generations(cluster) == before.map { $0 + 1 })
        }
    }

    @Test func `of two who change the same interface at once, both changes are there afterwards`() async throws {
        try await withCluster { cluster in
            let id = "\(try await prepare(cluster)[0])"
            let changes = [
                ["--hostname", "other"], ["--mac", "52:54:00:00:00:0a"], ["--address", "10.1.0.9"],
                ["--allow-address", "10.1.0.200"], ["--allow-address", "10.1.0.201"],
            ]
            let runs = try await withThrowingTaskGroup(of: ProgramRun.self) { group in
                for options in changes {
                    group.addTask {
                        try await ClusterCtlProgram.run(["interface", "set", id] + options, on: cluster.configuration)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(runs.allSatisfy { $0.status == 0 }, "\(runs.map(\.talk))")
            let view = try await cluster.answer(InterfaceView.self, "interface", "show", id)
            #expect(
                [view.hostname.description, view.mac.description, view.address.description]
                    == ["other", "52:54:00:00:00:0a", "10.1.0.9"]
            )
            #expect(view.allowedAddresses.map(\.description) == ["10.1.0.200/32", "10.1.0.201/32"])
        }
    }
}
