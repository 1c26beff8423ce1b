import ArgumentParser
import ClusterOpsTestKit
import Foundation
import Testing

@testable import clusterctl

@Suite struct HelpTests {
    /// Every command that does something.
    private static func leaves(of command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        let subcommands = command.configuration.subcommands
        return subcommands.isEmpty ? [command] : subcommands.flatMap(leaves)
    }

    @Test func `the help of every command has an example, which begins with the command itself`() {
        let leaves = Self.leaves(of: ClusterCtl.self)
        #expect(leaves.count >= 36)
        for leaf in leaves {
            let help = ClusterCtl.helpMessage(for: leaf, columns: 500)
            let usage = help.split(separator: "\n").first { $0.hasPrefix("USAGE: ") } ?? ""
            // The words before the first argument: `clusterctl op show`.
            let words = usage.dropFirst("USAGE: ".count).split(separator: " ")
                .prefix { !"<[".contains($0.first ?? " ") }.joined(separator: " ")
            #expect(words.hasPrefix("clusterctl ") && help.contains("Example: \(words)"), "\(words)")
        }
    }

    @Test func `every command is described in the imperative`() {
        let verbs: Set<Substring> = [
            "Add", "Assign", "Cancel", "Change", "Check", "Drain", "Enqueue", "Explain", "Inspect", "Let", "List",
            "Make", "Measure", "Migrate", "Pause", "Print", "Reconcile", "Remove", "Resume", "Retry", "Set", "Show",
            "Take", "Wait",
        ]
        func check(_ command: any ParsableCommand.Type) {
            let abstract = command.configuration.abstract
            let verb = abstract.prefix { $0.isLetter }
            #expect(verbs.contains(verb) && abstract.hasSuffix("."), "\(command): \(abstract)")
            command.configuration.subcommands.forEach(check)
        }
        check(ClusterCtl.self)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there are completions for a shell, and bash takes them`(shell: String) async throws {
        try await withFreshSchema { _, configuration in
            let run = try await ClusterCtlProgram.run(["--generate-completion-script", shell], on: configuration)
            #expect(run.status == 0 && run.talk == "" && run.output.contains("clusterctl"))
            guard shell == "bash" else { return }
            let check = try await ProgramRun.run("/bin/bash", ["-n"], environment: [:], input: run.output)
            #expect(check.status == 0 && check.talk == "", "\(check.talk)")
        }
    }
}
