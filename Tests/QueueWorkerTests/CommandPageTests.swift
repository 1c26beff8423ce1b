import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

/// The examples of `docs/commands.md` and of README do what the pages say.
@Suite(.timeLimit(.minutes(15))) struct CommandPageTests {
    private static func page(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The first block of a language on a page.
    private static func block(_ language: String, on page: String) throws -> String {
        let after = try #require(page.split(separator: "\n```\(language)\n", maxSplits: 1).dropFirst().first)
        return try String(#require(after.split(separator: "\n```", maxSplits: 1).first)) + "\n"
    }

    private func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: mode]
        try #require(FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: attributes))
    }

    @Test func `the commands in sh and Python on the page run`() async throws {
        let page = try Self.page("docs/commands.md")
        try await withWorkers(tasks: ["none": "true"]) { cluster, workers in
            let directory = workers.directory
            try write(try Self.block("sh", on: page), to: "\(directory)/free-space", mode: 0o755)
            try write(try Self.block("python", on: page), to: "\(directory)/write-file", mode: 0o755)
            let file = "\(directory)/page.yaml"
            try write(try Self.block("yaml", on: page).replacing("/usr/local/bin", with: directory), to: file)
            _ = try await workers.start(program: "queueworker", ["run", "--node", "h1", "--config", file])
            let space = try await cluster.end(of: try await cluster.enqueueEventually("free_space"))
            #expect(space.state == .complete && space.result?.contains("{\"free_kib\": ") == true)
            let motd = "{\"path\": \"\(directory)/motd\", \"text\": \"hello\"}"
            #expect(page.contains(motd.replacing(directory, with: "/tmp")), "the page has other parameters")
            for _ in 0..<2 {
                let written = try await cluster.end(
                    of: try await cluster.enqueueEventually("write_file", parameters: motd)
                )
                #expect(written.state == .complete && written.result == "{\"bytes\": 5}", "\(written)")
            }
            let refused = try await cluster.end(of: try await cluster.enqueueEventually("write_file"))
            #expect(refused.error?.stderrTail == "parameters: expected path and text\n" && refused.attempts == 2)
            let logs = try await workers.printing("op", "logs", "\(space.id)")
            #expect(try await logs.exit == .code(0))
            #expect(logs.standardOutput.text.hasPrefix("==> attempt 1: free_space stdout <==\n{\"free_kib\": "))
            #expect(logs.standardError.text.contains("attempt 1 on h1 ended with the operation: complete"))
        }
    }

    @Test func `the command of README runs`() async throws {
        let readme = try Self.page("README.md")
        let line = try #require(readme.split(separator: "\n").first { $0.hasSuffix(">/tmp/hello.yaml") })
        try await withWorkers(tasks: ["none": "true"]) { cluster, workers in
            let made = try await SupervisedChild.start(
                ChildSpecification(
                    executable: "/bin/sh",
                    arguments: ["-c", String(line).replacing("/tmp/", with: "")],
                    workingDirectory: workers.directory
                )
            )
            #expect(try await made.exit == .code(0))
            let file = "\(workers.directory)/hello.yaml"
            _ = try await workers.start(program: "queueworker", ["run", "--node", "h1", "--config", file])
            let id = try await cluster.enqueueEventually("hello")
            let follower = try await workers.printing("op", "logs", "--follow", "\(id)")
            #expect(try await follower.exit == .code(0))
            #expect(follower.standardOutput.text == "==> attempt 1: hello stdout <==\nhello from h1\n")
        }
    }
}
