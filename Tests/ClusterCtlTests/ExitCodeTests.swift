import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import clusterctl

/// Every exit code of the contract, each reason for it, by the real program.
@Suite(.timeLimit(.minutes(15))) struct ExitCodeTests {
    /// A way to a code; `words` stand in what is said, and name the thing.
    private struct Way {
        let status: Int32
        let words: String
        let line: String
        var environment: [String: String] = [:]
        var input: String?
    }

    private static let unknown = "0190163d-8694-739b-aea5-966c26f8adff"
    private static let used = "0190163d-8694-739b-aea5-966c26f8ad01"
    private static let failed = "0190163d-8694-739b-aea5-966c26f8ad02"
    private static let cycle = """
        {"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["b"]},
            {"ref": "b", "tasks": ["noop"], "depends_on": ["a"]}]}
        """

    private static let ways: [Way] = [
        Way(status: 0, words: "", line: "op list"),
        Way(status: 0, words: "", line: "--help"),
        Way(status: 0, words: "", line: "db migrate"),
        // 1: it failed.
        Way(status: 1, words: failed, line: "op wait \(failed)"),
        Way(status: 1, words: "not as it should be", line: "doctor"),
        Way(
            status: 1,
            words: "no_such_schema",
            line: "op list",
            environment: ["CLUSTEROPS_DATABASE_NAME": "no_such_schema"]
        ),
        // 3: unknown network, node, interface, operation.
        Way(status: 3, words: "'green'", line: "network show green"),
        Way(status: 3, words: "'h9'", line: "node show h9"),
        Way(status: 3, words: unknown, line: "interface show \(unknown)"),
        Way(status: 3, words: unknown, line: "op show \(unknown)"),
        Way(status: 3, words: unknown, line: "op wait \(unknown)"),
        // 4: duplicate name, MAC, address, VNI; same id, other content; cancel of an ended one; network with interfaces.
        Way(status: 4, words: "h1", line: "node add h1 --underlay 192.0.2.9"),
        Way(status: 4, words: "192.0.2.1", line: "node add h9 --underlay 192.0.2.1"),
        Way(status: 4, words: "blue", line: "network add blue --vni 900 --cidr 10.9.0.0/24"),
        Way(status: 4, words: "100", line: "network add red --vni 100 --cidr 10.9.0.0/24"),
        Way(
            status: 4,
            words: "52:54:00:00:00:01",
            line: "interface add blue --node h1 --mac 52:54:00:00:00:01 --address 10.1.0.6 --hostname web2"
        ),
        Way(
            status: 4,
            words: "10.1.0.5",
            line: "interface add blue --node h1 --mac 52:54:00:00:00:02 --address 10.1.0.5 --hostname web2"
        ),
        Way(status: 4, words: used, line: "op enqueue noop --uuid \(used) --parameters 2"),
        Way(status: 4, words: failed, line: "op cancel \(failed)"),
        Way(status: 4, words: "blue", line: "network remove blue --yes"),
        Way(status: 4, words: "--abort-operations", line: "node remove h2 --yes"),
        // 5: database unreachable.
        Way(
            status: 5,
            words: "/nowhere/socket",
            line: "queue list",
            environment: ["CLUSTEROPS_DATABASE_SOCKET": "/nowhere/socket"]
        ),
        // 6: timed out.
        Way(status: 6, words: used, line: "op wait \(used) --timeout 50ms"),
        Way(status: 6, words: "blue", line: "network wait blue --timeout 50ms"),
        // 64: usage.
        Way(status: 64, words: "no-such-noun", line: "no-such-noun"),
        Way(status: 64, words: "'x'", line: "op show x"),
        Way(status: 64, words: "no_such_task", line: "op enqueue no_such_task"),
        Way(status: 64, words: "fast", line: "op enqueue noop --lane fast"),
        Way(status: 64, words: "parameters", line: "op enqueue noop --parameters {"),
        Way(status: 64, words: "circle", line: "op submit -", input: cycle),
        Way(
            status: 64,
            words: "10.2.0.5",
            line: "interface add blue --node h1 --mac 52:54:00:00:00:02 --address 10.2.0.5 --hostname web2"
        ),
        Way(status: 64, words: "node", line: "op enqueue network_ensure_mesh --network blue"),
        Way(
            status: 64,
            words: "CLUSTEROPS_WORKER_SLOTS",
            line: "op list",
            environment: ["CLUSTEROPS_WORKER_SLOTS": "x"]
        ),
        Way(status: 64, words: "--yes", line: "node remove h1"),
        Way(status: 64, words: "terminal", line: "top"),
        // 77: not permitted by the database.
        Way(
            status: 77,
            words: "'stranger'@'localhost'",
            line: "op list",
            environment: ["CLUSTEROPS_DATABASE_USER": "stranger"]
        ),
        Way(status: 2, words: "sessions", line: "doctor --quiet"),
    ]

    @Test func `the exit codes of the contract are described`() throws {
        let codes = ExitStatus.allCases.map { ["\($0.rawValue)", $0.meaning] }
        let expected = ReferenceTable.lines([["0", "ok"]] + codes)
        let found = try ReferenceTable(under: "Exit codes of clusterctl").lines(columns: 2)
        #expect(found == expected, "docs/reference.md:\n\(expected.joined(separator: "\n"))")
    }

    @Test func `each exit code of the contract is reached, by each of its reasons, and what is said names the thing`()
        async throws
    {
        try await withCluster { cluster in
            for line in [
                "node add h1 --underlay 192.0.2.1 --role network --role hypervisor",
                "network add blue --vni 100 --cidr 10.1.0.0/24",
                "interface add blue --node h1 --mac 52:54:00:00:00:01 --address 10.1.0.5 --hostname web1",
                "node add h2 --underlay 192.0.2.2",
                "op enqueue noop --node h2",
                "op enqueue noop --uuid \(Self.failed)",
            ] {
                let run = try await ClusterCtlProgram.run(Self.words(line), on: cluster.configuration)
                try #require(run.status == 0, "\(line): \(run.talk)")
            }
            try await cluster.execute("UPDATE work_queue SET max_attempts = 1")
            var worker = try cluster.worker(queues: ["any-user_facing"])
            let failure = OperationFailure(code: "boom", message: "boom")
            try await worker.settle(try await worker.claim(), .failed(failure))
            _ = try await cluster.clusterctl("op", "enqueue", "noop", "--uuid", Self.used, "--parameters", "1")
            var reached: Set<Int32> = []
            for way in Self.ways {
                let run = try await ClusterCtlProgram.run(
                    Self.words(way.line),
                    on: cluster.configuration,
                    environment: way.environment,
                    input: way.input
                )
                #expect(run.status == way.status, "\(way.line): \(run.talk)")
                #expect(way.words == "" || run.talk.contains(way.words), "\(way.line): \(run.talk)")
                #expect((run.talk == "") == (way.status == 0), "\(way.line): \(run.talk)")
                reached.insert(run.status)
            }
            reached.insert(try await interruptedWait(on: cluster))
            #expect(reached == Set(ExitStatus.allCases.map(\.rawValue) + [0]))
        }
    }

    /// 130: interrupted.
    private func interruptedWait(on cluster: TestCluster) async throws -> Int32 {
        let terminal = try PseudoTerminal(
            try BuiltProduct.path("clusterctl"),
            ["op", "wait", Self.used],
            environment: ClusterCtlProgram.environment(for: cluster.configuration)
        )
        try await terminal.until("it waits") { $0.text.contains("0 of 1 ended") }
        terminal.type("\u{3}")
        return try await terminal.end()
    }

    private static func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
}
