import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// Words that shells complete.
@Suite(.timeLimit(.minutes(15))) struct CompletionTests {
    /// Values that nobody can list: numbers, times, addresses, names of what is new, and free text.
    private static let free: Set<String> = [
        // Durations.
        "--timeout", "--since", "--older-than", "--interval", "--delay", "--deadline",
        // Numbers.
        "--operations", "--callers", "--limit", "--attempt", "--count", "--vni", "--mtu", "--port",
        // Addresses.
        "--underlay", "--cidr", "--mac", "--address", "--allow-address", "--gateway", "--first", "--last", "--host",
        // Names of what is new, or of what only the administrator of a server knows.
        "node add <name>", "network add <name>", "--hostname", "--domain", "--uuid", "--user", "--schema",
        // Text.
        "--reason", "--parameters",
    ]

    /// The command line as the program describes it, as far as it matters here.
    private struct Help: Decodable {
        let command: Command

        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Argument]?
        }

        struct Argument: Decodable {
            let kind: String
            let valueName: String?
            let preferredName: Name?
            let completionKind: JSONValue?

            struct Name: Decodable {
                let name: String
            }
        }
    }

    @Test func `every value of every command is completed, or nobody can list it`() async throws {
        try await withFreshSchema { _, configuration in
            let run = try await ClusterCtlProgram.run(["--experimental-dump-help"], on: configuration)
            let help = try JSONDecoder().decode(Help.self, from: Data(run.output.utf8))
            var (completed, free) = (0, Set<String>())
            func walk(_ command: Help.Command, _ path: [String]) {
                for argument in command.arguments ?? [] where argument.kind != "flag" {
                    let name =
                        argument.preferredName.map { "--\($0.name)" }
                        ?? (path + ["<\(argument.valueName ?? "")>"]).joined(separator: " ")
                    if argument.completionKind != nil {
                        completed += 1
                        #expect(!Self.free.contains(name), "\(path) \(name)")
                    } else {
                        free.insert(name)
                        #expect(Self.free.contains(name), "\(path) \(name) has a value that no shell completes")
                    }
                }
                // That one is of the parser, and completes commands.
                for next in command.subcommands ?? [] where next.commandName != "help" {
                    walk(next, path + [next.commandName])
                }
            }
            walk(help.command, [])
            #expect(completed > 100 && free == Self.free, "\(completed), \(Self.free.symmetricDifference(free))")
        }
    }

    /// Returns the words that a shell is offered for one; `argument` is an option, or `positional@0`.
    private func offered(
        _ cluster: TestCluster,
        _ command: String,
        _ argument: String,
        _ prefix: String = "",
        line: [String] = [],
        environment: [String: String]? = nil
    ) async throws -> [String] {
        let words = line + [prefix]
        let run = try await ProgramRun.run(
            try BuiltProduct.path("clusterctl"),
            ["---completion"] + command.split(separator: " ").map(String.init)
                + ["--", argument, "\(words.count - 1)", "\(prefix.count)"] + words,
            environment: environment ?? ClusterCtlProgram.environment(for: cluster.configuration)
        )
        #expect(run.status == 0 && run.talk == "", "\(command) \(argument): \(run)")
        return run.output.split(separator: "\n").map(String.init)
    }

    @Test func `names come from the database, and not at all without one`() async throws {
        try await withCluster { cluster in
            for name in ["blue", "blurred", "red"] { try await cluster.addNetwork(name) }
            for name in ["h1", "h2"] { try await cluster.addNode(name) }
            try await cluster.register("backup")
            let added = try await cluster.clusterctl(
                "interface",
                "add",
                "blue",
                "--node",
                "h1",
                "--mac",
                "52:54:00:00:00:01",
                "--address",
                "10.9.0.5",
                "--hostname",
                "web1",
                "-o",
                "json"
            )
            #expect(added.status == 0, "\(added.talk)")
            let interface = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM interfaces")[0].only(InterfaceID.self).description
            }
            _ = try await cluster.clusterctl("queue", "pause", "h2-*", "--reason", "test")
            for label in ["release=1", "release=2", "stage=b"] {
                _ = try await cluster.clusterctl("op", "enqueue", "noop", "--label", label)
            }
            var worker = try cluster.worker(queues: ["any-user_facing"])
            let claims = try await worker.claim(1)
            try await cluster.execute("UPDATE work_queue SET failures = max_attempts - 1 WHERE state = 'executing'")
            try await worker.settle(claims, .failed(OperationFailure(code: "boom", message: "boom")))
            let expected: [(String, String, String, [String])] = [
                ("op list", "--network", "bl", ["blue", "blurred"]),
                ("network show", "positional@0", "r", ["red"]),
                ("interface add", "positional@0", "blu", ["blue", "blurred"]),
                ("node drain", "positional@0", "h", ["h1", "h2"]),
                ("interface show", "positional@0", "", [interface]),
                ("op enqueue", "positional@0", "ba", ["backup"]),
                ("op list", "--task", "noo", ["noop"]),
                ("op list", "--queue", "h1-user_w", ["h1-user_waiting"]),
                ("queue resume", "positional@0", "", ["h2-*"]),
                ("op list", "--label", "", ["release=", "stage="]),
                ("op list", "--error", "", ["boom"]),
            ]
            var nowhere = ClusterCtlProgram.environment(for: cluster.configuration)
            nowhere["CLUSTEROPS_DATABASE_SOCKET"] = "/nonexistent"
            for (command, argument, prefix, names) in expected {
                let found = try await offered(cluster, command, argument, prefix)
                #expect(found == names, "\(command) \(argument) \(prefix): \(found)")
                #expect(try await offered(cluster, command, argument, prefix, environment: nowhere) == [])
            }
            #expect(try await offered(cluster, "op list", "--requester").count == 1)
        }
    }

    @Test func `recent operations are offered by ids that are as short as they are unique`() async throws {
        try await withCluster { cluster in
            let noop = OperationRequest(tasks: [BuiltInTask.noop.name])
            let first = try await cluster.queue.enqueue(noop).uuid
            // Of one millisecond, as those of one request may be.
            let twins = ["0190163d-8694-739b-aea5-966c26f8ad91", "0190163d-8694-739b-bea5-966c26f8ad92"]
            for id in twins {
                var request = noop
                request.id = try OperationID(id)
                _ = try await cluster.queue.enqueue(request)
            }
            let found = try await offered(cluster, "op show", "positional@0")
            #expect(found == [twins[1].prefix(23), twins[0].prefix(23), "\(first)".prefix(13)].map(String.init))
            for name in found {
                let run = try await cluster.clusterctl("op", "show", name)
                #expect(run.status == 0, "\(name): \(run.talk)")
            }
            #expect(try await offered(cluster, "op wait", "positional@0", "0190163d-8") == Array(found.prefix(2)))
            let long = String(twins[0].prefix(30))
            #expect(try await offered(cluster, "op logs", "positional@0", long) == [twins[0]])
            #expect(try await offered(cluster, "op retry", "positional@0") == [])
            _ = try await cluster.queue.cancel(first)
            #expect(try await offered(cluster, "op retry", "positional@0") == ["\("\(first)".prefix(13))"])
            #expect(try await offered(cluster, "op cancel", "positional@0") == Array(found.prefix(2)))
        }
    }

    @Test func `the database is that of the file which the line names, without a word about it`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let path = "\(try PrivateServer.shared.directory.scratch())/config.yaml"
            // The user is that of the environment, and nothing is said of it.
            try "database: {name: \(cluster.configuration.schema ?? ""), user: somebody-else}\n"
                .write(toFile: path, atomically: true, encoding: .utf8)
            var environment = ClusterCtlProgram.environment(for: cluster.configuration)
            environment["CLUSTEROPS_DATABASE_NAME"] = nil
            for option in [["--config", path], ["--config=\(path)"], ["--config", "=", path]] {
                let found = try await offered(
                    cluster,
                    "network show",
                    "positional@0",
                    line: ["clusterctl", "network", "show"] + option,
                    environment: environment
                )
                #expect(found == ["blue"], "\(option): \(found)")
            }
        }
    }

    @Test func `a database that hangs keeps a shell waiting for less time than a command`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            server.suspend()
            defer { server.resume() }
            let arguments = ["---completion", "network", "show", "--", "positional@0", "0", "0", ""]
            let completion = try await ClusterCtlProgram.start(arguments, on: cluster)
            let command = try await ClusterCtlProgram.start(["network", "list"], on: cluster)
            let exit = try await completion.exit
            #expect(exit == .code(0) && completion.standardOutput.text == "" && completion.standardError.text == "")
            #expect(command.exitIfEnded == nil)
            _ = command.signal(SIGKILL)
            _ = try await command.exit
        }
    }
}
