import ClusterDaemon
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

/// How our programs end: by no exit handler, because threads of connections may still run by then.
@Suite(.timeLimit(.minutes(15))) struct ProcessEndTests {
    /// A command line, with the exit code that it comes to.
    private static let ways: [(line: String, status: Int32, environment: [String: String])] = [
        ("op list", 0, [:]),
        ("--help", 0, [:]),
        ("op show 0190163d-8694-739b-aea5-966c26f8adff", 3, [:]),
        ("op list", 5, ["CLUSTEROPS_DATABASE_SOCKET": "/nowhere/socket"]),
        ("op nonsense", 64, [:]),
        ("op list", 64, ["CLUSTEROPS_DATABASE_NAME": "not;a;name"]),
    ]

    /// What ld.so wrote about the libraries of a process: which it initialised, and which it finished.
    private struct LoaderLog {
        let text: String

        init(in directory: String) throws {
            text = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasPrefix("ld.") }.map {
                try String(contentsOfFile: "\(directory)/\($0)", encoding: .utf8)
            }.joined()
        }

        var showsAStart: Bool { text.contains(/calling init: .*libmariadb/) }
        var showsExitHandlers: Bool { text.contains("calling fini") }

        static func environment(in directory: String) -> [String: String] {
            ["LD_DEBUG": "files", "LD_DEBUG_OUTPUT": "\(directory)/ld"]
        }
    }

    @Test func `clusterctl ends without exit handlers, whatever its exit code`() async throws {
        try await withCluster { cluster in
            for way in Self.ways {
                let directory = try PrivateServer.shared.directory.scratch()
                let run = try await ProgramRun.run(
                    try BuiltProduct.path("clusterctl"),
                    way.line.split(separator: " ").map(String.init),
                    environment: try environment(cluster.configuration).merging(way.environment) { $1 }
                        .merging(LoaderLog.environment(in: directory)) { $1 }
                )
                #expect(run.status == way.status, "\(way.line): \(run.output) \(run.talk)")
                let log = try LoaderLog(in: directory)
                #expect(log.showsAStart && !log.showsExitHandlers, "\(way.line), \(way.status)")
            }
        }
    }

    @Test func `a daemon ends without exit handlers, drained or refused`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let directory = try PrivateServer.shared.directory.scratch()
            let environment = try environment(cluster.configuration).merging([
                "CLUSTEROPS_NODE_UNDERLAY_ADDRESS": "127.0.0.1", "CLUSTEROPS_HTTP_QUEUEWORKER": "off",
            ]) { $1 }.merging(LoaderLog.environment(in: directory)) { $1 }
            let worker = try await RunningProgram("queueworker", ["run", "--node", "h1"], environment: environment)
            try await eventually("the worker has a session") {
                try await cluster.count("SELECT COUNT(*) FROM sessions") == 1
            }
            worker.signal(SIGTERM)
            #expect(try await worker.end() == 0, "\(worker.log)")
            var log = try LoaderLog(in: directory)
            #expect(log.showsAStart && !log.showsExitHandlers, "drained")
            for (program, node, status) in [
                ("queueworker", "h1", Int32(0)), ("netnode", "h1", 0), ("netnode", "any", 64),
            ] {
                let directory = try PrivateServer.shared.directory.scratch()
                let run = try await ProgramRun.run(
                    try BuiltProduct.path(program),
                    ["run", "--check-configuration", "--node", node],
                    environment: environment.merging(LoaderLog.environment(in: directory)) { $1 }
                )
                #expect(run.status == status, "\(program): \(run.output) \(run.talk)")
                log = try LoaderLog(in: directory)
                #expect(log.showsAStart && !log.showsExitHandlers, "\(program), \(node)")
            }
        }
    }

    /// As many ends as the test asks for, or as many as there is time for.
    private static let wanted = 1000
    private static let time: Duration = .seconds(60)

    @Test func `no end of clusterctl is a crash, of a thousand whose TLS connections are cut`() async throws {
        let authority = try CertificateAuthority(name: "ours")
        defer { authority.remove() }
        let certificate = try authority.issue(host: "localhost")
        let server = try PrivateServer(options: [
            "--ssl-cert=\(certificate.chain)", "--ssl-key=\(certificate.key)", "--ssl-ca=\(authority.certificate)",
        ])
        let proxy = try DatabaseProxy(to: server)
        defer {
            proxy.close()
            server.destroy()
        }
        let statuses = Locked<[Int32: Int]>([:])
        try await withCluster(on: server) { cluster in
            let environment = [
                "CLUSTEROPS_DATABASE_HOSTS": "localhost:\(proxy.port)", "CLUSTEROPS_DATABASE_USER": "root",
                "CLUSTEROPS_DATABASE_NAME": cluster.configuration.schema ?? "",
                "CLUSTEROPS_DATABASE_TLS_MODE": "verify",
                "CLUSTEROPS_DATABASE_TLS_CA_FILE": authority.certificate,
            ]
            let program = try BuiltProduct.path("clusterctl")
            let deadline = ContinuousClock.now + Self.time
            try await withThrowingTaskGroup { group in
                for lane in 0..<4 {
                    group.addTask {
                        for number in 0..<Self.wanted / 4 where ContinuousClock.now < deadline {
                            let line = [["status"], ["op", "list"], ["doctor"]][(lane + number) % 3]
                            let run = try await ProgramRun.run(program, line, environment: environment)
                            #expect([0, 1, 5].contains(run.status), "\(line): \(run.talk)")
                            statuses.update { $0[run.status, default: 0] += 1 }
                        }
                    }
                }
                group.addTask {
                    // Shorter than one of the programs lives, so that most of them are cut somewhere.
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .milliseconds(Int.random(in: 1...120)))
                        proxy.dropAll()
                    }
                }
                for _ in 0..<4 { try await group.next() }
                group.cancelAll()
            }
        }
        let (ends, cut) = (statuses.value.values.reduce(0, +), statuses.value[5] ?? 0)
        print("\(ends) ends of clusterctl, \(cut) of them of a cut connection")
        #expect(ends >= 100 && cut >= 10, "otherwise it shows nothing")
    }

    private func environment(_ configuration: ConnectionConfiguration) throws -> [String: String] {
        guard case .socket(let socket) = configuration.endpoint else {
            throw ClusterOpsError(.invalid, "the test's server has a socket")
        }
        return [
            "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_USER": configuration.user,
            "CLUSTEROPS_DATABASE_NAME": configuration.schema ?? "",
        ]
    }
}
