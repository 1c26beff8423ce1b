import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

/// Runs one of the operator's own commands as a task.
///
/// The command gets the operation on stdin and in its environment; its exit code says what became of it. It runs
/// under a keeper: nothing of it outlives the worker, the worker's session, or its own timeout.
struct CommandHandler: TaskHandler {
    /// From SIGTERM to SIGKILL when the time is up: enough to remove a lock file or tell a remote end.
    static let grace: Duration = .seconds(5)
    /// The end of stderr that is kept with the attempt's failure: some forty lines.
    static let stderrLimit = 4096
    /// The beginning of stdout by which a result that is too long is told from other output.
    static let headLimit = 4096
    /// "Try again later", EX_TEMPFAIL of sysexits.h.
    static let tryLaterCode: Int32 = 75

    let definition: TaskDefinition
    private let command: [String]
    private let keeper: CommandKeeper
    private let running: RunningCommands

    init(name: TaskName, task: Configuration.CommandTask, keeper: CommandKeeper, running: RunningCommands) {
        definition = TaskDefinition(
            name: name,
            kind: .command,
            isCoalescible: task.coalescible,
            maximumAttempts: task.maxAttempts,
            timeout: task.timeout
        )
        command = task.command
        self.keeper = keeper
        self.running = running
    }

    var obstacle: String? { get async { await ExecutableLookup.currentObstacle(to: command[0]) } }

    /// The commands whose program is missing here, or cannot be executed.
    static func problems(in configuration: Configuration) -> [ConfigurationError.Problem] {
        configuration.tasks.sorted { $0.key < $1.key }.compactMap { name, task in
            ExecutableLookup.obstacle(to: task.command[0]).map { obstacle in
                ConfigurationError.Problem(
                    source: configuration.commandSources[name],
                    key: "tasks.\(name).command",
                    message: "expected a program that can be executed, found \(obstacle)"
                )
            }
        }
    }

    func run(_ attempt: Attempt) async -> TaskOutcome {
        do {
            let operation = attempt.operation
            let view = OperationView(operation, now: operation.startedAt ?? operation.enqueuedAt)
            if let omitted = view.omitted.first(where: { $0.part == "parameters" }) {
                // Without its parameters it would do other work than it was asked for.
                let message = "the parameters cannot be read: \(omitted.reason)"
                return .failed(OperationFailure(code: "unreadable_parameters", message: message))
            }
            let input = try ContractDocument.text(of: view)
            let specification = ChildSpecification(
                executable: command[0],
                arguments: Array(command.dropFirst()),
                environment: environment(of: attempt),
                standardInput: .data(Array(input.utf8)),
                standardOutput: .collect(limit: OutputTail.mostBytes, keeping: .tailAndHead(Self.headLimit)),
                standardError: .collect(limit: OutputTail.mostBytes, keeping: .tail)
            )
            let service = "command \(attempt.task) \(operation.id)"
            defer { running.remove(service) }
            let result = try await keeper.run(
                specification,
                timeout: definition.timeout,
                grace: Self.grace,
                started: { command in
                    running.add(service, keeper: command.keeperPID)
                    attempt.prints(command)
                }
            )
            return outcome(of: result)
        } catch let error as ChildProcessError where error.isFaultOfTheMachine {
            return .nodeCannot("\(error)")
        } catch let error as ChildProcessError {
            return error.code == .leaseEnded
                ? .interrupted : .failed(OperationFailure(code: "command_not_started", message: "\(error)"))
        } catch {
            return .interrupted
        }
    }

    /// Nothing is inherited: what a command finds does not depend on how the worker was started.
    private func environment(of attempt: Attempt) -> [String: String] {
        [
            "PATH": ChildSpecification.standardPath,
            "LANG": "C.UTF-8",
            "CLUSTEROPS_OPERATION": attempt.operation.id.description,
            "CLUSTEROPS_TASK": attempt.task.description,
            "CLUSTEROPS_ATTEMPT": String(attempt.number),
            "CLUSTEROPS_NODE": attempt.node.description,
        ]
    }

    private func outcome(of result: CommandResult) -> TaskOutcome {
        let tail = result.standardError.lastText(Self.stderrLimit)
        switch result.cause {
        case .timeout:
            let message = "'\(definition.name)' was ended after its timeout of \(definition.timeout.text)"
            return .failed(OperationFailure(code: "timed_out", message: message, stderrTail: tail))
        case .cancellation, .lease, .killAll: return .interrupted
        case .itself: break
        }
        switch result.exit {
        case .code(0): return Self.success(result.standardOutput)
        case .code(Self.tryLaterCode): return .tryLater
        default:
            let message = "'\(definition.name)' ended with \(result.exit)"
            return .failed(OperationFailure(code: "command_failed", message: message, stderrTail: tail))
        }
    }

    /// Returns the outcome of a command that has exited with 0, which is success, whatever was printed.
    ///
    /// Output that is one JSON document of at most 64 KiB is the result; other output is a log, as many programs chat.
    static func success(_ output: CollectedOutput) -> TaskOutcome {
        do throws(JSONError) {
            // Of longer output this is the beginning, which tells JSON from chat as well as the whole does.
            let bytes = output.isTruncated ? output.head : output.bytes
            _ = try JSONValue(
                parsing: bytes,
                limits: JSONLimits(bytes: bytes.count, levels: JSONLimits.result.levels)
            )
        } catch {
            switch error.code {
            case .malformed: return .done(result: nil)
            // The beginning of a document that has no end is chat, of one that goes on beyond the limit is a result.
            case .unfinished: return output.isTruncated && !output.isBlank ? tooLong(output) : .done(result: nil)
            case .tooLong, .tooDeep, .repeatedKey: return .doneWithoutResult(error.reason)
            }
        }
        return output.isTruncated ? tooLong(output) : .done(result: output.text)
    }

    private static func tooLong(_ output: CollectedOutput) -> TaskOutcome {
        .doneWithoutResult("\(output.total) bytes, at most \(OperationOutcome.longestResult) are kept")
    }
}

extension CollectedOutput {
    fileprivate var isBlank: Bool { (isTruncated ? head : bytes).allSatisfy { " \t\r\n".utf8.contains($0) } }

    /// Returns the last bytes as text that begins with a character; nil when nothing was printed.
    fileprivate func lastText(_ limit: Int) -> String? {
        guard total > limit else { return bytes.isEmpty ? nil : text }
        return String(decoding: bytes.suffix(limit).drop { $0 & 0xc0 == 0x80 }, as: UTF8.self)
    }
}

extension StartedCommand: PrintingCommand {
    package func total(of stream: StandardStream) -> Int {
        switch stream {
        case .stdout: standardOutputCount
        case .stderr: standardErrorCount
        }
    }

    package func tail(of stream: StandardStream) -> (bytes: [UInt8], total: Int) {
        let output =
            switch stream {
            case .stdout: standardOutput
            case .stderr: standardError
            }
        return (output.bytes, output.total)
    }
}

extension CommandKeeper: ChildrenLease {}
