import ClusterOpsTestKit
import Foundation
import Testing

/// The commands of README and of the operator guide, as they are printed, where they need a database server only.
///
/// `GuideTests` of `NetNodeTests` has those that need a cluster.
@Suite(.timeLimit(.minutes(15))) struct DocumentTests {
    /// Blocks that are not run: they build, talk to systemd, or show what other tests bring about.
    private static let mostNotRun = 7

    @Test func `every block has a language, and few are not run, each with its reason`() throws {
        let blocks = try DocumentBlock.documents.flatMap(DocumentBlock.all)
        for block in blocks {
            #expect(block.language != nil, "\(block.document):\(block.line)")
            #expect(block.language != .console || !block.steps.isEmpty, "\(block.document):\(block.line)")
        }
        #expect(blocks.filter { $0.reasonNotRun != nil }.count <= Self.mostNotRun)
        #expect(blocks.filter(\.isToBeRun).count >= 15)
    }

    @Test func `the first steps of README work as they are printed`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        let shell = try DocumentShell(
            directory: try server.directory.scratch(),
            workingDirectory: ProgramRun.root,
            replacing: [("/run/mysqld/mysqld.sock", server.directory.socket)]
        )
        let blocks = try DocumentBlock.all(of: "README.md").filter { $0.isToBeRun && $0.needsServerOnly }
        #expect(blocks.count == 1)
        for block in blocks { try await shell.run(block) }
    }

    @Test func `the guide's chapter on the database works as it is printed, from certificates to a person's file`()
        async throws
    {
        let home = "/tmp/clusterops-guide-\(String(UInt32.random(in: .min ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: "\(home)/.config/clusterops", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: home) }
        let port = try freePort()
        var server: PrivateServer?
        defer { server?.destroy() }
        let shell = try DocumentShell(
            directory: home,
            environment: ["CLUSTEROPS_CONFIG": "\(home)/host.yaml"],
            replacing: [
                ("/etc/mysql/tls", home), ("/etc/clusterops", home), ("/home/ann", home), ("0.0.0.0", "127.0.0.1"),
                ("db1.example:3306", "localhost:\(port)"), ("db1.example", "localhost"),
                ("10.0.0.7", "127.0.0.1"), ("10.0.0.%", "127.0.0.%"),
            ]
        )
        let blocks = try DocumentBlock.all(of: "docs/operator-guide.md").filter(\.needsServerOnly)
        #expect(blocks.filter(\.isToBeRun).count == 5)
        for block in blocks {
            switch block.language {
            case .ini:
                let options = block.text.split(separator: "\n").filter { $0.contains(" = ") }.map { line in
                    "--" + shell.replaced(String(line).replacing(" = ", with: "="))
                }
                let started = try PrivateServer(port: port, options: options)
                server = started
                // The places where a host's own programs look for the server.
                try "[client]\nsocket=\(started.directory.socket)\n"
                    .write(toFile: "\(home)/.my.cnf", atomically: true, encoding: .utf8)
                try "database: {socket: \(started.directory.socket)}\n"
                    .write(toFile: "\(home)/host.yaml", atomically: true, encoding: .utf8)
            case .yaml:
                try await shell.prepare("cp operator.password ~/.config/clusterops")
                let path = try #require(block.text.firstMatch(of: /^# ~\/(.+)/)?.output.1)
                try shell.replaced(block.text).write(toFile: "\(home)/\(path)", atomically: true, encoding: .utf8)
            default:
                try await shell.run(block)
            }
        }
        // The users of the loop come by TLS or not at all.
        try await shell.prepare("sed 's/tls: .*/tls: {mode: disabled}/' ~/.config/clusterops/config.yaml >plain.yaml")
        let refused = try await shell.prepare("clusterctl status --config plain.yaml || echo \"exit $?\"")
        #expect(refused.contains("database.tls.mode if it may come by TLS only") && refused.contains("exit 77"))
    }
}
