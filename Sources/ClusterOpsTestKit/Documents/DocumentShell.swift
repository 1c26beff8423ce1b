import ChildProcess
import Foundation
import Synchronization

/// A shell in which the commands of a document are run one after the other, as a reader would type them.
package final class DocumentShell: Sendable {
    /// A command did not do what the document says.
    package struct Deviation: Error, CustomStringConvertible {
        package let description: String
    }

    /// The directory that is its home, and in which it starts.
    package let directory: String
    private let workingDirectory: String
    private let environment: [String: String]
    private let namespace: String?
    private let replacements: [(shown: String, real: String)]
    private let outputs = Mutex(ShownOutput())

    /// Creates a shell; it keeps what commands export.
    ///
    /// - Parameters:
    ///   - directory: Its home.
    ///   - workingDirectory: Where it starts, if not at home.
    ///   - environment: Beside PATH, HOME and LANG.
    ///   - namespace: The file of the network namespace in which it runs; nil is the test's own.
    ///   - replacements: What this machine has in the place of what the document names, such as a socket's path.
    /// - Throws: `BuiltProduct.Missing`.
    package init(
        directory: String,
        workingDirectory: String? = nil,
        environment: [String: String] = [:],
        namespace: String? = nil,
        replacing replacements: [(shown: String, real: String)] = []
    ) throws {
        self.directory = directory
        self.workingDirectory = workingDirectory ?? directory
        let programs = URL(fileURLWithPath: try BuiltProduct.path("clusterctl")).deletingLastPathComponent().path
        let basic = ["PATH": "\(programs):\(ChildSpecification.standardPath)", "HOME": directory, "LANG": "C.UTF-8"]
        self.environment = basic.merging(environment) { $1 }
        self.namespace = namespace
        self.replacements = replacements
    }

    /// Runs all that a block has.
    ///
    /// - Throws: `Deviation` for a command that fails, or prints something else than is shown.
    package func run(_ block: DocumentBlock) async throws {
        switch block.language {
        case .sh:
            let (status, output) = try await bash("set -euo pipefail\n" + replaced(block.text))
            guard status == 0 else { throw deviation(block, "exit code \(status)", output) }
        case .console:
            for step in block.steps { try await run(step.command, showing: step.output, of: block) }
        case .ini, .yaml, .text, nil:
            preconditionFailure("only commands are run")
        }
    }

    /// Returns a text of the document with what this machine has.
    package func replaced(_ text: String) -> String {
        replacements.reduce(outputs.withLock { $0.command(text) }) { $0.replacing($1.shown, with: $1.real) }
    }

    /// Takes note that an id of the document is an id of this run.
    package func learn(_ shown: String, is real: String) {
        outputs.withLock { $0.learn(shown, is: real) }
    }

    /// Runs commands of the test's own; they have to succeed.
    @discardableResult
    package func prepare(_ script: String) async throws -> String {
        let (status, output) = try await bash("set -euo pipefail\n" + script)
        guard status == 0 else { throw Deviation(description: "\(script): exit code \(status): \(output)") }
        return output
    }

    /// Words by which a command only looks: what it prints becomes what is shown within a moment.
    private static let looks = ["show", "list", "status", "explain", "doctor", "waits", "leases"]

    private func run(_ command: String, showing shown: String, of block: DocumentBlock) async throws {
        let script = replaced(command)
        guard shown.contains(where: { !$0.isWhitespace }) else {
            let (status, output) = try await bash(script)
            guard status == 0 else { throw deviation(block, "exit code \(status) of \(command)", output) }
            return
        }
        var last = ""
        let repeats = command.split(separator: " ").contains { Self.looks.contains(String($0)) }
        do {
            try await eventually("it prints what is shown", within: repeats ? .seconds(30) : .zero) {
                last = try await bash(script).output
                return try outputs.withLock { try $0.matches(replaced(in: shown), last) }
            }
        } catch is TookTooLong {
            throw deviation(block, "other output of \(command)", last)
        }
    }

    private func replaced(in shown: String) -> String {
        replacements.reduce(shown) { $0.replacing($1.shown, with: $1.real) }
    }

    private func deviation(_ block: DocumentBlock, _ what: String, _ output: String) -> Deviation {
        Deviation(description: "\(block.document):\(block.line), \(block.heading): \(what):\n\(output)")
    }

    private func bash(_ script: String) async throws -> (status: Int32, output: String) {
        let state = "\(directory)/.exported"
        let wrapped = """
            exec 2>&1
            [ ! -e '\(state)' ] || . '\(state)'
            trap 'export -p >"\(state)"' EXIT
            cd '\(workingDirectory)'
            \(script)
            """
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: "/bin/bash",
                arguments: ["-c", wrapped],
                environment: environment,
                networkNamespace: namespace,
                standardOutput: .collect(limit: 1 << 20, keeping: .head),
                standardError: .collect(limit: 1 << 20, keeping: .head)
            )
        )
        let status: Int32 =
            switch try await child.exit {
            case .code(let code): code
            case .signal(let number): -number
            }
        return (status, child.standardOutput.text)
    }
}
