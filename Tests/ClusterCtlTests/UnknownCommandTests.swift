import ArgumentParser
import ClusterOpsTestKit
import Foundation
import Testing

@testable import clusterctl

@Suite(.timeLimit(.minutes(15))) struct UnknownCommandTests {
    private func unknown(_ line: String) -> UnknownCommand? {
        UnknownCommand(in: line.split(separator: " ").map(String.init), of: ClusterCtl.self)
    }

    @Test func `a word that is no command is found, with the one that is nearest`() throws {
        let verb = try #require(unknown("op enqueu noop"))
        #expect(verb.line == "op enqueu" && verb.suggestion == "op enqueue")
        #expect(verb.usage.hasPrefix("usage: clusterctl op cancel|enqueue|"))
        let noun = try #require(unknown("netwrok list"))
        #expect(noun.line == "netwrok" && noun.suggestion == "network")
        #expect(try #require(unknown("frobnicate everything")).suggestion == nil)
    }

    @Test(arguments: ["op enqueue noop", "op", "", "--help", "help op", "op --lane x", "status extra"])
    func `a line whose commands are all known, or that begins with an option, is none of its business`(line: String) {
        #expect(unknown(line) == nil)
    }

    @Test func `clusterctl says what was meant, and what there is`() async throws {
        try await withFreshSchema { _, configuration in
            let run = try await ClusterCtlProgram.run(["op", "enqueu", "noop"], on: configuration)
            #expect(run.status == 64 && run.output == "")
            let lines = run.talk.split(separator: "\n")
            #expect(lines.count == 2, "\(run.talk)")
            #expect(lines.first == "clusterctl: there is no command 'op enqueu'; did you mean 'op enqueue'?")
            #expect(lines.last?.hasPrefix("clusterctl: usage: clusterctl op cancel|") == true, "\(run.talk)")
        }
    }

    @Test func `right values are listed in one line`() async throws {
        try await withFreshSchema { _, configuration in
            let run = try await ClusterCtlProgram.run(["db", "grants", "foo"], on: configuration)
            #expect(run.status == 64 && !run.talk.contains("\\n"), "\(run.talk)")
            #expect(run.talk.contains("worker, netnode, enqueuer"), "\(run.talk)")
        }
    }

    @Test func `a reader that has gone ends it without a word, as it ends other programs`() async throws {
        try await withCluster { cluster in
            // A pipe whose only reader is closed before anything is written.
            let script = """
                exec 3> >(exec sleep 0)
                wait $!
                "$0" op list >&3
                """
            let run = try await ProgramRun.run(
                "/bin/bash",
                ["-c", script, try BuiltProduct.path("clusterctl")],
                environment: ClusterCtlProgram.environment(for: cluster.configuration)
            )
            #expect(run.talk == "" && [-SIGPIPE, 128 + SIGPIPE].contains(run.status), "\(run)")
        }
    }

    @Test func `keys that the environment takes from the file of --config are named, and the command goes on`()
        async throws
    {
        try await withCluster { cluster in
            let path = "\(try PrivateServer.shared.directory.scratch())/config.yaml"
            try "database: {user: somebody-else}\n".write(toFile: path, atomically: true, encoding: .utf8)
            let run = try await cluster.clusterctl("op", "list", "--config", path)
            #expect(run.status == 0)
            #expect(run.talk == "clusterctl: \(path): the environment overrides database.user\n")
            #expect(try await cluster.clusterctl("op", "list", environment: ["CLUSTEROPS_CONFIG": path]).talk == "")
        }
    }
}
