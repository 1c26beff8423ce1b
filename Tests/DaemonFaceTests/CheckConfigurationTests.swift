import ClusterOpsTestKit
import Foundation
import Testing

/// `run --check-configuration` of both daemons.
@Suite(.timeLimit(.minutes(15))) struct CheckConfigurationTests {
    private func check(
        _ daemon: String,
        _ text: String,
        node: String? = "h1"
    ) async throws -> (code: Int32, talk: String) {
        let directory = try PrivateServer.shared.directory.scratch()
        let path = "\(directory)/config.yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try "secret\n".write(toFile: "\(directory)/password", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(directory)/password")
        try text.replacing("DIRECTORY", with: directory).write(toFile: path, atomically: true, encoding: .utf8)
        let arguments = ["run", "--check-configuration", "--config", path] + (node.map { ["--node", $0] } ?? [])
        let program = try await RunningProgram(daemon, arguments, environment: [:])
        let code = try await program.end()
        return (code, program.log.replacing(directory, with: ""))
    }

    @Test(arguments: ["queueworker", "netnode"])
    func `what is right ends with 0, and begins nothing`(daemon: String) async throws {
        let answer = try await check(daemon, "worker: {slots: 3}\n")
        #expect(answer.code == 0 && answer.talk.isEmpty)
    }

    @Test(arguments: ["queueworker", "netnode"])
    func `what is wrong ends with 64, each thing with file, line and key`(daemon: String) async throws {
        let answer = try await check(daemon, "worker:\n  slots: many\nnod: {}\n")
        #expect(answer.code == 64)
        #expect(answer.talk.contains("/config.yaml:2: worker.slots: "))
        #expect(answer.talk.contains("/config.yaml:3: nod: "))
    }

    @Test func `a program that is missing or not executable is found with file, line and key`() async throws {
        let text = """
            tasks:
              good: {command: [/bin/true]}
              missing: {command: [/no/such/program]}
              closed: {command: [DIRECTORY/password]}

            """
        let answer = try await check("queueworker", text)
        #expect(answer.code == 64)
        #expect(answer.talk.contains("/config.yaml:3: tasks.missing.command: "), "\(answer.talk)")
        #expect(answer.talk.contains("/no/such/program: No such file"), "\(answer.talk)")
        #expect(answer.talk.contains("/config.yaml:4: tasks.closed.command: "), "\(answer.talk)")
        #expect(answer.talk.contains("/password: it is not executable"), "\(answer.talk)")
        #expect(!answer.talk.contains("tasks.good"))
    }

    @Test func `a password file that others may read, a name that is none and a missing one are found`() async throws {
        let password = try await check("queueworker", "database: {password_file: DIRECTORY/password}\n")
        #expect(password.code == 64 && password.talk.contains("database.password_file: expected a file that is closed"))
        #expect(!password.talk.contains("secret"))
        let name = try await check("queueworker", "{}", node: "No Name")
        #expect(name.code == 64 && name.talk.contains("--node: "))
        let none = try await check("netnode", "{}", node: nil)
        #expect(none.code == 64 && none.talk.contains("node.name: a daemon needs"))
    }
}
