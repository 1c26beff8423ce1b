import ChildProcess
import ClusterEngine

/// One run of `ip`, `bridge`, `nft` or `sysctl`: an argument array, never a shell.
package struct HostCommand: Sendable, Hashable {
    /// The programs by which a node's kernel is read and changed.
    package enum Program: String, Sendable {
        case ip, bridge, nft, sysctl, conntrack
    }

    /// Ten seconds: the longest batch measured, 5,000 entries, takes 0.13 s; the rest is for a busy machine.
    package static let standardTimeout: Duration = .seconds(10)

    /// A dump of 100,000 FDB rows has 11 MB; what is longer than this is refused, not cut off.
    private static let longestOutput = 64 << 20
    /// The end of stderr that is kept: some forty lines.
    private static let longestComplaint = 4096

    package let program: Program
    package let arguments: [String]
    /// The text that the program reads; nil is an empty input.
    package let input: String?
    package let timeout: Duration
    /// The file of the network namespace to act in, such as `/run/netns/h1`; nil is the process's own.
    package let namespace: String?
    /// The moment after which it is not started any more; nil is no such moment.
    package let notAfter: ContinuousClock.Instant?

    package init(
        _ program: Program,
        _ arguments: [String],
        input: String? = nil,
        timeout: Duration = standardTimeout,
        namespace: String? = nil,
        notAfter: ContinuousClock.Instant? = nil
    ) {
        precondition(timeout > .zero, "a command needs time")
        self.program = program
        self.arguments = arguments
        self.input = input
        self.timeout = timeout
        self.namespace = namespace
        self.notAfter = notAfter
    }

    /// The exit and the output of a program that ended by itself.
    package struct Output: Sendable, Hashable {
        package let exit: ChildExit
        package let text: String
        /// The end of its stderr.
        package let complaint: String

        package init(exit: ChildExit, text: String, complaint: String) {
            self.exit = exit
            self.text = text
            self.complaint = complaint
        }
    }

    /// Runs it, and returns its exit and output, whatever the exit code.
    ///
    /// - Throws: ``HostCommandError`` when it could not be started, did not end in time or wrote more than is kept;
    ///   `CancellationError`. In each case it no longer runs.
    package func output() async throws -> Output {
        let child: SupervisedChild
        do {
            child = try await SupervisedChild.start(specification)
        } catch {
            let reason: HostCommandError.Reason = error.code == .tooLate ? .tooLate : .notStarted("\(error)")
            throw HostCommandError(self, reason, complaint: "")
        }
        guard let exit = await Self.exit(of: child, within: timeout) else {
            await child.terminate(grace: .zero)
            try Task.checkCancellation()
            throw HostCommandError(self, .timedOut, complaint: child.standardError.text)
        }
        let output = child.standardOutput
        guard !output.isTruncated else {
            throw HostCommandError(self, .outputTooLong(output.total), complaint: child.standardError.text)
        }
        return Output(exit: exit, text: output.text, complaint: child.standardError.text)
    }

    /// Runs it and returns what it wrote.
    ///
    /// - Throws: As ``output()``, and ``HostCommandError`` when it did not exit with 0.
    package func text() async throws -> String {
        let output = try await output()
        guard output.exit.isSuccess else {
            throw HostCommandError(self, .ended(output.exit), complaint: output.complaint)
        }
        return output.text
    }

    private var specification: ChildSpecification {
        ChildSpecification(
            executable: program.rawValue,
            arguments: arguments,
            environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
            networkNamespace: namespace,
            notAfter: notAfter,
            standardInput: input.map { .data(Array($0.utf8)) } ?? .null,
            standardOutput: .collect(limit: Self.longestOutput, keeping: .head),
            standardError: .collect(limit: Self.longestComplaint, keeping: .tail)
        )
    }

    /// Returns how it ended, or nil when the time was up or the task was cancelled.
    private static func exit(of child: SupervisedChild, within timeout: Duration) async -> ChildExit? {
        await withTaskGroup(of: ChildExit?.self) { group in
            group.addTask { try? await child.exit }
            group.addTask {
                try? await AlarmClock().sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}

/// A command on the host that failed.
package struct HostCommandError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The outcome of the command.
    package enum Reason: Sendable, Hashable {
        case notStarted(String)
        /// The moment after which it was not to be started had passed.
        case tooLate
        case timedOut
        case ended(ChildExit)
        case outputTooLong(Int)
        /// It succeeded, but its output cannot be decoded.
        case unreadable(String)
    }

    package let command: HostCommand
    package let reason: Reason
    /// The end of its stderr.
    package let complaint: String

    package init(_ command: HostCommand, _ reason: Reason, complaint: String) {
        self.command = command
        self.reason = reason
        self.complaint = complaint
    }

    /// One line: the program, its arguments, the namespace, the reason, and the last line of stderr.
    package var description: String {
        let line = ([command.program.rawValue] + command.arguments).joined(separator: " ")
        let place = command.namespace.map { " (in \($0))" } ?? ""
        let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
        return "'\(line)'\(place) \(outcome)\(last)"
    }

    private var outcome: String {
        switch reason {
        case .notStarted(let cause): "could not be started: \(cause)"
        case .tooLate: "was not started, because its time had passed"
        case .timedOut: "was killed after \(command.timeout)"
        case .ended(let exit): "ended with \(exit)"
        case .outputTooLong(let total): "wrote \(total) bytes, more than can be read"
        case .unreadable(let why): "wrote what cannot be read: \(why)"
        }
    }
}
