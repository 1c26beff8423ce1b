import ClusterEngine
import ClusterModel
import Foundation
import Glibc
import Logging

/// From a daemon's command line to its end: logs, configuration, and what its exit code says.
package struct DaemonStart: Sendable {
    /// The text on `--config` in the help of every daemon.
    package static let configHelp =
        "The configuration file; default $CLUSTEROPS_CONFIG, then \(Configuration.defaultPath)."
    /// The help text of `--node`.
    package static let nodeHelp = "The name of this node; it wins over the configuration."
    /// The help text of `run`.
    package static let runHelp = "Run until SIGTERM, which drains; a second SIGTERM stops at once."

    /// The help text of `--check-configuration`.
    package static let checkHelp =
        "Check the configuration, the password file and the tasks' programs; exit with 0, or with 64 and what is wrong."

    /// A bad configuration, which a supervisor does not repeat; the contract's 64.
    package static let misconfigured: Int32 = 64

    private let daemon: DaemonName
    private let config: String?
    private let node: String?

    /// Takes what the command line says.
    package init(_ daemon: DaemonName, config: String?, node: String?) {
        self.daemon = daemon
        self.config = config
        self.node = node
    }

    /// Runs a daemon with its configuration, on its node.
    ///
    /// - Parameter body: the daemon; what it throws keeps it from beginning, and is said on stderr.
    /// - Returns: The exit code.
    package func run(
        _ body: (DaemonContext) async throws -> Daemon.Ending
    ) async -> Int32 {
        // A reload that comes before there is anything to reload is none; by default it would be the end.
        signal(SIGHUP, SIG_IGN)
        let level = Adjustable(Logger.Level.info)
        bootstrapLogging(level: level)
        return await reporting {
            let (configuration, name) = try load()
            level.set(configuration.log.level)
            let context = DaemonContext(
                configuration: configuration,
                node: name,
                logger: Logger(label: daemon.rawValue),
                environment: ProcessInfo.processInfo.environment,
                logLevel: level,
                load: { try load().0 }
            )
            if !configuration.overriddenKeys.isEmpty {
                context.logger.notice(
                    "the environment overrides keys of the configuration file",
                    metadata: ["keys": "\(configuration.overriddenKeys.joined(separator: ", "))"]
                )
            }
            return try await body(context).rawValue
        }
    }

    /// Checks all that `run` would refuse to begin with, and begins nothing.
    ///
    /// - Parameter more: What else a person wants to know before the start, although the daemon would begin: it may
    ///   be mended while it runs.
    /// - Returns: The exit code.
    package func check(
        _ more: (Configuration) -> [ConfigurationError.Problem] = { _ in [] }
    ) async -> Int32 {
        await reporting {
            let (configuration, name) = try load()
            let problems = more(configuration)
            guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
            if let overridden = configuration.overriddenText { say("\(config ?? ""): \(overridden)") }
            let tasks = daemon == .queueworker ? ", \(configuration.tasks.count) command tasks" : ""
            print("the configuration is right: node \(name)\(tasks)")
            return 0
        }
    }

    /// Reads the configuration as at every start: everything that is wrong with it is found here.
    private func load() throws -> (Configuration, NodeName) {
        let configuration = try Configuration.load(path: config, environment: ProcessInfo.processInfo.environment)
        let name = try node.map { try NodeName($0) } ?? configuration.requiredNodeName()
        _ = try configuration.databasePassword()
        return (configuration, name)
    }

    private func reporting(_ body: () async throws -> Int32) async -> Int32 {
        do {
            return try await body()
        } catch let error as ConfigurationError {
            return refuse("\(error)", Self.misconfigured)
        } catch let error as ValueError {
            return refuse("--node: \(error)", Self.misconfigured)
        } catch {
            // Something of this machine, which may be another by the next start: a supervisor tries again.
            return refuse("\(error)", Daemon.Ending.failed.rawValue)
        }
    }

    private func refuse(_ message: String, _ code: Int32) -> Int32 {
        say(message)
        return code
    }

    private func say(_ message: String) {
        FileHandle.standardError.write(Data("\(daemon.rawValue): \(message)\n".utf8))
    }
}
