import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB

/// What a program that has ended left behind.
struct ProgramRun: Sendable {
    let status: Int32
    let output: String
    let talk: String

    /// Bytes that are kept of each stream.
    private static let longestOutput = 16 << 20

    /// The directory of the repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// Returns whether this machine has a program of Debian's.
    static func has(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/\(program)") }

    /// Runs a program to its end.
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> ProgramRun {
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: program,
                arguments: arguments,
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"].merging(environment) { $1 },
                standardInput: input.map { .data(Array($0.utf8)) } ?? .null,
                standardOutput: .collect(limit: longestOutput, keeping: .head),
                standardError: .collect(limit: longestOutput, keeping: .head)
            )
        )
        let status: Int32 =
            switch try await child.exit {
            case .code(let code): code
            case .signal(let number): -number
            }
        return ProgramRun(status: status, output: child.standardOutput.text, talk: child.standardError.text)
    }
}
