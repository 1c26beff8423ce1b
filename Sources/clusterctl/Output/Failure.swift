import ArgumentParser
import ClusterDaemon
import ClusterModel

/// The reason why a command ends with another exit code than 0, and what it says about it.
struct Failure: Error {
    let status: Int32
    /// Said on stderr, each as a line of its own.
    let messages: [String]
    /// Printed on stdout: help that was asked for.
    private let help: String?

    init(_ status: ExitStatus, _ message: String) {
        self.init(status.rawValue, [message])
    }

    private init(_ status: Int32, _ messages: [String], help: String? = nil) {
        self.status = status
        self.messages = messages
        self.help = help
    }

    /// Creates a failure from an error.
    ///
    /// - Parameters:
    ///   - error: What was thrown.
    ///   - command: The command whose usage an error of its arguments shows.
    ///   - arguments: What it was given.
    init(_ error: any Error, of command: (some ParsableCommand).Type, arguments: [String] = []) {
        switch error {
        case let failure as Failure: self = failure
        case let error as ClusterOpsError: self.init(ExitStatus(error.code), error.message)
        case let error as ConfigurationError:
            self.init(ExitStatus.usage.rawValue, error.problems.map(\.description))
        case let error as ValueError: self.init(.usage, error.description)
        default:
            // What is left is ArgumentParser's: help that was asked for, or arguments that do not parse.
            let status = command.exitCode(for: error).rawValue
            let message = command.message(for: error)
            if status == 0 {
                self.init(status, [], help: message)
            } else if let unknown = UnknownCommand(in: arguments, of: command) {
                self.init(status, unknown.messages)
            } else {
                // It puts each of several right values on a line of its own.
                let line = message.replacing(#/:\n *- /#, with: ": ").replacing(#/\n *- /#, with: ", ")
                self.init(status, [line.isEmpty ? "\(error)" : line])
            }
        }
    }

    /// Ends the process.
    func exit() -> Never {
        if let help { _ = Descriptor.output.write(help + "\n") }
        for message in messages { Talk.say(message) }
        ProcessEnd.end(status)
    }
}

extension ExitStatus {
    fileprivate init(_ code: ClusterOpsError.Code) {
        self =
            switch code {
            case .invalid: .usage
            case .notFound: .notFound
            case .conflict: .conflict
            case .unreachable: .unreachable
            case .notPermitted: .notPermitted
            case .notMigrated, .internalFailure: .failed
            }
    }
}
