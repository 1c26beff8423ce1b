import ChildProcess

/// Runs `ip`, `ping` and the like for a test, by other code than the subject's own.
enum HostTool {
    /// Ten seconds and more: a test machine may be slow, and a test has a limit of its own.
    private static let timeout: Duration = .seconds(20)

    /// A program of the test's surroundings did not do its part.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Output: Sendable {
        let exit: ChildExit
        let text: String
        let complaint: String
    }

    /// Runs a program to its end, whatever that is.
    static func output(
        _ program: String,
        _ arguments: [String],
        input: String = "",
        namespace: String? = nil
    ) async throws -> Output {
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: program,
                arguments: arguments,
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
                networkNamespace: namespace.map { "/run/netns/\($0)" },
                standardInput: .data(Array(input.utf8)),
                standardOutput: .collect(limit: 16 << 20, keeping: .head),
                standardError: .collect(limit: 4096, keeping: .tail)
            )
        )
        let exit = await withTaskGroup(of: ChildExit?.self) { group in
            group.addTask { try? await child.exit }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let exit else {
            await child.terminate(grace: .zero)
            throw Failure(description: "\(program) \(arguments.joined(separator: " ")) did not end")
        }
        return Output(exit: exit, text: child.standardOutput.text, complaint: child.standardError.text)
    }

    /// Runs a program that has to succeed.
    @discardableResult
    static func run(
        _ program: String,
        _ arguments: [String],
        input: String = "",
        namespace: String? = nil
    ) async throws -> String {
        let output = try await output(program, arguments, input: input, namespace: namespace)
        guard output.exit.isSuccess else {
            let line = "\(program) \(arguments.joined(separator: " "))"
            throw Failure(description: "\(line): \(output.exit): \(output.complaint)")
        }
        return output.text
    }
}
