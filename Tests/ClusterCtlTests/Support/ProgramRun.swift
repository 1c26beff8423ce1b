import ChildProcess

/// What a program that has ended left behind.
struct ProgramRun: Sendable {
    let status: Int32
    let output: String
    let talk: String

    /// Runs a program to its end; no thread waits for it meanwhile.
    ///
    /// `started` is given the process id once it runs.
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        input: String? = nil,
        started: @escaping @Sendable (Int32) -> Void = { _ in }
    ) async throws -> ProgramRun {
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: program,
                arguments: arguments,
                environment: environment,
                standardInput: input.map { .data(Array($0.utf8)) } ?? .null,
                standardOutput: .collect(limit: longestOutput, keeping: .head),
                standardError: .collect(limit: longestOutput, keeping: .head)
            )
        )
        started(child.pid)
        let status: Int32 =
            switch try await child.exit {
            case .code(let code): code
            // A program that a signal killed has no exit code; its number as a negative one cannot be mistaken.
            case .signal(let number): -number
            }
        return ProgramRun(status: status, output: child.standardOutput.text, talk: child.standardError.text)
    }

    /// Bytes that are kept of each stream; more than any command of a test prints.
    private static let longestOutput = 16 << 20
}
