import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

/// A command that must be refused: with which exit code, and with which words on stderr.
struct BadInput: Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let status: Int32
    let words: String
    var input: String?
    var environment: [String: String] = [:]

    init(
        _ status: Int32,
        _ words: String,
        _ arguments: String...,
        input: String? = nil,
        environment: [String: String] = [:]
    ) {
        self.arguments = arguments
        self.status = status
        self.words = words
        self.input = input
        self.environment = environment
    }

    var testDescription: String { "\(arguments.joined(separator: " ").prefix(80)) → \(status)" }
}

@Suite struct BadInputTests {
    private static let usedID = "0190163d-8694-739b-aea5-966c26f8ad91"
    private static let unknownID = "0190163d-8694-739b-aea5-966c26f8ad92"

    static let operations = [
        BadInput(64, "no_such_task", "op", "enqueue", "no_such_task"),
        BadInput(64, "Bad-Task", "op", "enqueue", "Bad-Task"),
        BadInput(64, "fast", "op", "enqueue", "noop", "--lane", "fast"),
        BadInput(3, "red", "op", "enqueue", "noop", "--network", "red"),
        BadInput(3, "h9", "op", "enqueue", "noop", "--node", "h9"),
        BadInput(3, unknownID, "op", "enqueue", "noop", "--interface", unknownID),
        BadInput(3, unknownID, "op", "enqueue", "noop", "--depends-on", unknownID),
        BadInput(
            64,
            "of one kind",
            "op",
            "enqueue",
            "noop",
            "network_ensure_mesh",
            "--network",
            "blue",
            "--node",
            "h1"
        ),
        BadInput(64, "needs a node", "op", "enqueue", "network_ensure_mesh", "--network", "blue"),
        BadInput(64, "not JSON", "op", "enqueue", "noop", "--parameters", "{\"a\":"),
        BadInput(64, "--lane", "op", "enqueue", "noop", "--lane", "-{"),
        BadInput(
            64,
            "65538 bytes",
            "op",
            "enqueue",
            "noop",
            "--parameters",
            "\"" + String(repeating: "x", count: 65_536) + "\""
        ),
        BadInput(64, "soon", "op", "enqueue", "noop", "--delay", "soon"),
        BadInput(64, "deadline", "op", "enqueue", "noop", "--delay", "5s", "--deadline", "4s"),
        BadInput(64, "count", "op", "enqueue", "noop", "--count", "0"),
        BadInput(64, "1.5", "op", "enqueue", "noop", "--count", "1.5"),
        BadInput(64, "not-a-uuid", "op", "enqueue", "noop", "--uuid", "not-a-uuid"),
        BadInput(4, usedID, "op", "enqueue", "noop", "--uuid", usedID, "--parameters", "2"),
        BadInput(64, "Missing", "op", "enqueue"),
        BadInput(3, unknownID, "op", "show", unknownID),
        BadInput(3, unknownID, "op", "wait", unknownID, "--timeout", "1s"),
        BadInput(64, "--limit", "op", "list", "--limit", "0"),
        BadInput(64, "sleeping", "op", "list", "--state", "sleeping"),
        BadInput(64, "any-fast", "op", "list", "--queue", "any-fast"),
        BadInput(3, "h9", "op", "list", "--node", "h9"),
        BadInput(3, "red", "op", "cancel", "--network", "red", "--yes"),
        BadInput(64, "no_such_task", "op", "retry", "--task", "no_such_task"),
        BadInput(64, "name operations", "op", "cancel"),
        BadInput(64, "not both", "op", "cancel", usedID, "--node", "h1"),
        BadInput(64, "\"complete\"", "op", "retry", "--state", "complete"),
        BadInput(64, "\"error\"", "op", "cancel", "--state", "error"),
        BadInput(64, "--yes", "op", "cancel", "--state", "queued"),
        BadInput(64, "--force", "op", "retry", "--state", "error", "--force"),
        BadInput(64, "--dry-run", "op", "cancel", usedID, "--dry-run"),
        BadInput(64, "first 4 digits", "op", "show", "019"),
        BadInput(3, "ffff", "op", "show", "ffff"),
        BadInput(64, "NAME=VALUE", "op", "enqueue", "noop", "--label", "release"),
        BadInput(64, "given twice", "op", "enqueue", "noop", "--label", "a=1", "--label", "a=2"),
        BadInput(64, "--wait", "op", "enqueue", "noop", "--timeout", "1s"),
        BadInput(
            64,
            "\"b\"",
            "op",
            "submit",
            "-",
            input: #"{"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["b"]}]}"#
        ),
        BadInput(
            64,
            "\"a\" waits for \"b\"",
            "op",
            "submit",
            "-",
            input: """
                operations: [{ref: a, tasks: [noop], depends_on: [b]}, {ref: b, tasks: [noop], depends_on: [a]}]
                """
        ),
        BadInput(
            3,
            "h9",
            "op",
            "submit",
            "-",
            input: #"{"operations": [{"ref": "a", "tasks": ["noop"]}, {"ref": "b", "tasks": ["noop"], "node": "h9"}]}"#
        ),
        BadInput(
            4,
            usedID,
            "op",
            "submit",
            "-",
            input: #"{"operations": [{"ref": "a", "uuid": "\#(usedID)", "tasks": ["noop"], "node": "h1"}]}"#
        ),
    ]

    static let topology =
        ["any", "networknode", "x-network", "H1", "h-", "h_1", "a\nb", ""].map {
            BadInput(64, "name", "node", "add", $0, "--underlay", "192.0.2.9")
        }
        + [
            BadInput(64, "name", "node", "add", "-x", "--underlay", "192.0.2.9"),
            BadInput(64, "192.0.2", "node", "add", "h9", "--underlay", "192.0.2"),
            BadInput(64, "224.0.0.1", "node", "add", "h9", "--underlay", "224.0.0.1"),
            BadInput(64, "router", "node", "add", "h9", "--underlay", "192.0.2.9", "--role", "router"),
            BadInput(4, "h1", "node", "add", "h1", "--underlay", "192.0.2.9"),
            BadInput(4, "192.0.2.1", "node", "add", "h9", "--underlay", "192.0.2.1"),
            BadInput(64, "--underlay or --role", "node", "set", "h1"),
            BadInput(64, "router", "node", "set", "h1", "--role", "router"),
            BadInput(64, "192.0.2", "node", "set", "h1", "--underlay", "192.0.2"),
            BadInput(64, "224.0.0.1", "node", "set", "h1", "--underlay", "224.0.0.1"),
            BadInput(4, "192.0.2.2", "node", "set", "h1", "--underlay", "192.0.2.2"),
            BadInput(3, "h9", "node", "set", "h9", "--underlay", "192.0.2.9"),
            BadInput(3, "h9", "node", "show", "h9"),
            BadInput(3, "h9", "node", "drain", "h9"),
            BadInput(3, "h9", "node", "remove", "h9", "--yes"),
            BadInput(4, "1 interface", "node", "remove", "h1", "--yes"),
            BadInput(4, "4711", "node", "remove", "h2", "--yes"),
            BadInput(64, "--yes", "node", "remove", "h3"),
            BadInput(4, "blue", "network", "add", "blue", "--vni", "200", "--cidr", "10.2.0.0/24"),
            BadInput(4, "VNI 100", "network", "add", "red", "--vni", "100", "--cidr", "10.2.0.0/24"),
            BadInput(64, "16777216", "network", "add", "red", "--vni", "16777216", "--cidr", "10.2.0.0/24"),
            BadInput(64, "10.2.0.1/24", "network", "add", "red", "--vni", "200", "--cidr", "10.2.0.1/24"),
            BadInput(64, "9217", "network", "add", "red", "--vni", "200", "--cidr", "10.2.0.0/24", "--mtu", "9217"),
            BadInput(64, "a b", "network", "add", "red", "--vni", "200", "--cidr", "10.2.0.0/24", "--domain", "a b"),
            BadInput(64, "loopback", "network", "add", "red", "--vni", "200", "--cidr", "127.0.0.0/8"),
            BadInput(64, "multicast", "network", "add", "red", "--vni", "200", "--cidr", "224.0.0.0/8"),
            BadInput(64, "link-local", "external", "set", "--cidr", "169.254.0.0/16", "--gateway", "169.254.0.1"),
            BadInput(4, "192.0.2.1 of node 'h1'", "network", "add", "red", "--vni", "200", "--cidr", "192.0.2.0/24"),
            BadInput(64, "1280", "network", "add", "red", "--vni", "200", "--cidr", "10.2.0.0/24", "--mtu", "1279"),
            BadInput(64, "b.local", "network", "add", "r", "--vni", "2", "--cidr", "10.2.0.0/24", "--domain=b.local"),
            BadInput(64, "Red", "network", "add", "Red", "--vni", "200", "--cidr", "10.2.0.0/24"),
            BadInput(64, "--mtu", "network", "set", "blue"),
            BadInput(64, "9217", "network", "set", "blue", "--mtu", "9217"),
            BadInput(64, "575", "network", "set", "blue", "--mtu", "575"),
            BadInput(64, "1280", "network", "set", "blue", "--mtu", "1279"),
            BadInput(64, "'localhost'", "network", "set", "blue", "--domain", "a.localhost"),
            BadInput(4, "network 'blue'", "node", "add", "h9", "--underlay", "10.1.0.77"),
            BadInput(4, "network 'blue'", "node", "set", "h1", "--underlay", "10.1.0.77"),
            BadInput(64, "a b", "network", "set", "blue", "--domain", "a b"),
            BadInput(64, "a\\n", "network", "set", "blue", "--domain", "a\nserver=192.0.2.66"),
            BadInput(64, "--no-domain", "network", "set", "blue", "--domain", "a.example", "--no-domain"),
            BadInput(64, "--dhcp", "network", "set", "blue", "--dhcp", "--no-dhcp"),
            BadInput(64, "--vni", "network", "set", "blue", "--mtu", "1400", "--vni", "7"),
            BadInput(3, "red", "network", "set", "red", "--mtu", "1400"),
            BadInput(3, "red", "network", "show", "red"),
            BadInput(3, "red", "network", "reconcile", "red"),
            BadInput(3, "red", "network", "remove", "red", "--yes"),
            BadInput(4, "1 interface", "network", "remove", "blue", "--yes"),
            BadInput(64, "--yes", "network", "remove", "blue"),
            BadInput(6, "blue", "network", "wait", "blue", "--timeout", "1ms"),
            BadInput(64, "soon", "leader", "resign", "--timeout", "soon"),
            BadInput(1, "nobody is elected", "leader", "resign"),
            BadInput(3, "red", "interface", "list", "--network", "red"),
            BadInput(3, "h9", "interface", "list", "--node", "h9"),
            BadInput(3, unknownID, "interface", "show", unknownID),
            BadInput(3, unknownID, "interface", "float", unknownID),
            BadInput(64, "203.0.113.999", "interface", "float", unknownID, "--address", "203.0.113.999"),
            BadInput(64, "web1", "interface", "unfloat", "web1"),
            BadInput(3, "external set", "external", "show"),
            BadInput(3, "external set", "external", "remove", "--yes"),
            BadInput(64, "--gateway", "external", "set", "--cidr", "203.0.113.0/24"),
            BadInput(64, "203.0.113.1/24", "external", "set", "--cidr", "203.0.113.1/24", "--gateway", "203.0.113.1"),
            BadInput(64, "--no-nat", "network", "set", "blue", "--nat", "--no-nat"),
            BadInput(4, "external set", "network", "set", "blue", "--nat"),
            BadInput(64, "--hostname", "interface", "set", unknownID),
            BadInput(64, "web1", "interface", "set", "web1", "--hostname", "web2"),
            BadInput(64, "52:54:00", "interface", "set", unknownID, "--mac", "52:54:00"),
            BadInput(64, "10.1.0", "interface", "set", unknownID, "--address", "10.1.0"),
            BadInput(64, "a,b", "interface", "set", unknownID, "--hostname", "a,b"),
            BadInput(64, "-web", "interface", "set", unknownID, "--hostname", "-web"),
            BadInput(64, "h_1", "interface", "set", unknownID, "--node", "h_1"),
            BadInput(3, unknownID, "interface", "set", unknownID, "--hostname", "web2"),
            BadInput(3, unknownID, "interface", "remove", unknownID, "--yes"),
            BadInput(64, "--yes", "interface", "remove", unknownID),
        ]

    static let interfaces = [
        interface(64, "52:54:00", mac: "52:54:00"),
        interface(64, "multicast", mac: "53:54:00:00:00:09"),
        interface(64, "its gateway", mac: "02:63:6f:00:00:64"),
        interface(64, "10.1.0", address: "10.1.0"),
        interface(64, "outside", address: "10.2.0.5"),
        interface(64, "its own address", address: "10.1.0.0", also: "reserved"),
        interface(64, "reserved", address: "10.1.0.1"),
        interface(64, "reserved", address: "10.1.0.255"),
        interface(4, "52:54:00:00:00:01", mac: "52:54:00:00:00:01"),
        interface(4, "10.1.0.5", address: "10.1.0.5"),
        interface(4, "web1", hostname: "web1"),
        interface(64, "number", hostname: "4711"),
        interface(64, "RFC 6761", hostname: "LocalHost"),
        interface(64, "a\\n", hostname: "a\nb"),
        interface(64, "a,b", hostname: "a,b"),
        interface(64, "-web", hostname: "-web"),
        interface(3, "red", network: "red"),
        interface(3, "h9", node: "h9"),
    ]

    private static func interface(
        _ status: Int32,
        _ words: String,
        network: String = "blue",
        node: String = "h1",
        mac: String = "52:54:00:00:00:09",
        address: String = "10.1.0.9",
        hostname: String = "web9",
        also: String? = nil
    ) -> BadInput {
        BadInput(
            status,
            also ?? words,
            "interface",
            "add",
            network,
            "--node",
            node,
            "--mac",
            mac,
            "--address",
            address,
            "--hostname",
            hostname
        )
    }

    @Test func `bad input is refused with its exit code and a line that names the thing, and nothing changes`()
        async throws
    {
        try await withCluster { cluster in
            try await prepare(cluster)
            let before = try await cluster.checksums()
            #expect(before.count == 37)
            let all = Self.operations + Self.topology + Self.interfaces
            try await withThrowingDiscardingTaskGroup { group in
                // Two at a time: each is a process.
                for half in [
                    all.enumerated().filter { $0.offset % 2 == 0 }, all.enumerated().filter { $0.offset % 2 == 1 },
                ] {
                    group.addTask {
                        for (_, bad) in half { try await refuse(bad, on: cluster.configuration) }
                    }
                }
            }
            #expect(try await cluster.checksums() == before)
        }
    }

    private func refuse(_ bad: BadInput, on configuration: ConnectionConfiguration) async throws {
        let run = try await ClusterCtlProgram.run(
            bad.arguments,
            on: configuration,
            environment: bad.environment,
            input: bad.input
        )
        let name = bad.testDescription
        #expect(run.status == bad.status, "\(name): \(run.talk)")
        #expect(run.talk.contains(bad.words), "\(name): \(run.talk)")
        #expect(
            run.talk.hasPrefix("clusterctl: ") && run.talk.split(separator: "\n").count == 1,
            "\(name): \(run.talk)"
        )
        // What was waited for is data also when it has not come.
        #expect(run.output == "" || run.status == 6, "\(name)")
    }

    private func prepare(_ cluster: TestCluster) async throws {
        for arguments in [
            ["node", "add", "h1", "--underlay", "192.0.2.1", "--role", "network", "--role", "hypervisor"],
            ["node", "add", "h2", "--underlay", "192.0.2.2"],
            ["node", "add", "h3", "--underlay", "192.0.2.3"],
            ["network", "add", "blue", "--vni", "100", "--cidr", "10.1.0.0/24"],
            [
                "interface", "add", "blue", "--node", "h1", "--mac", "52:54:00:00:00:01", "--address", "10.1.0.5",
                "--hostname", "web1",
            ],
            ["op", "enqueue", "noop", "--uuid", Self.usedID, "--parameters", "1"],
        ] {
            let run = try await ClusterCtlProgram.run(arguments, on: cluster.configuration)
            try #require(run.status == 0, "\(arguments): \(run.talk)")
        }
        try await cluster.addSession(on: "h2", leaseSeconds: 600)
    }

    @Test func `a command says so when the database is down, not migrated, or too new`() async throws {
        try await withFreshSchema { database, configuration in
            let down = ["CLUSTEROPS_DATABASE_SOCKET": "/nowhere/socket"]
            try await refuse(BadInput(5, "/nowhere/socket", "queue", "list", environment: down), on: configuration)
            try await refuse(BadInput(5, "/nowhere/socket", "db", "status", environment: down), on: configuration)
            try await refuse(BadInput(1, "clusterctl db migrate", "op", "enqueue", "noop"), on: configuration)
            let absent = ["CLUSTEROPS_DATABASE_NAME": "no_such_schema"]
            try await refuse(BadInput(1, "no_such_schema", "op", "list", environment: absent), on: configuration)

            #expect(try await ClusterCtlProgram.run(["db", "migrate"], on: configuration).status == 0)
            try await database.withSession { session in
                _ = try session.execute("DELETE FROM schema_migrations ORDER BY version DESC LIMIT 1")
            }
            try await refuse(BadInput(1, "clusterctl db migrate", "queue", "list"), on: configuration)
            #expect(try await ClusterCtlProgram.run(["db", "migrate"], on: configuration).status == 0)
            try await database.withSession { session in
                _ = try session.execute("INSERT INTO schema_migrations VALUES (999, 'later', NOW(6), NOW(6), NULL)")
            }
            try await refuse(BadInput(1, "version 999", "op", "list"), on: configuration)
            try await refuse(BadInput(1, "newer program", "db", "migrate"), on: configuration)
            try await refuse(BadInput(1, "newer program", "db", "migrate", "--check"), on: configuration)
            #expect(try await ClusterCtlProgram.run(["db", "status"], on: configuration).status == 0)
        }
    }

    @Test func `a bad configuration is refused with its file, line and key, before anything is connected`() async throws
    {
        try await withFreshSchema { _, configuration in
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("config-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            func file(_ name: String, _ text: String, mode: Int) throws -> String {
                let path = directory.appendingPathComponent(name).path
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
                return path
            }
            let unknown = try file("unknown.yaml", "worker:\n  slots: 2\n  colour: red\n", mode: 0o644)
            try await refuse(
                BadInput(64, "\(unknown):3: worker.colour", "op", "list", "--config", unknown),
                on: configuration
            )
            let bad = try file("bad.yaml", "worker:\n  slots: many\n", mode: 0o644)
            try await refuse(
                BadInput(64, "\(bad):2: worker.slots", "op", "list", environment: ["CLUSTEROPS_CONFIG": bad]),
                on: configuration
            )
            try await refuse(
                BadInput(64, "CLUSTEROPS_WORKER_SLOTS", "op", "list", environment: ["CLUSTEROPS_WORKER_SLOTS": "x"]),
                on: configuration
            )
            try await refuse(
                BadInput(64, "/nowhere.yaml", "op", "list", "--config", "/nowhere.yaml"),
                on: configuration
            )
            let password = try file("password", "secret\n", mode: 0o644)
            try await refuse(
                BadInput(64, password, "op", "list", environment: ["CLUSTEROPS_DATABASE_PASSWORD_FILE": password]),
                on: configuration
            )
        }
    }
}

extension TestCluster {
    /// A checksum of every table, by name.
    fileprivate func checksums() async throws -> [String: Int?] {
        try await database.withSession { session in
            let tables = try session.query(
                """
                CHECKSUM TABLE nodes, networks, interfaces, sessions, registered_tasks, work_queue,
                    finished_operations, operation_dependencies, adoptions, coalescing_counters, queue_pauses,
                    external_network, external_addresses, applied_state, network_problems, network_events, leases,
                    dhcp_leases, supervised_processes, operation_waiters, ready_candidates, history_allowance, cascades,
                    schema_migrations, allowed_addresses, floating_ports, vni_holds, mesh_reachability, retries,
                    data_plane_checks, data_plane_handovers, attempt_outputs, aborted_dependents, operation_labels,
                    audit_events, migration_lease, running_targets
                """
            ).map { try $0.decode((String, Int?).self) }
            let count = try session.query(
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
            )[0].only(Int.self)
            #expect(tables.count == count, "a table is missing in this test")
            return Dictionary(uniqueKeysWithValues: tables)
        }
    }
}
