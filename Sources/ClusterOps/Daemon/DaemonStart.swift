import Foundation
import Logging

/// From a daemon's command line to its end: logs, configuration, and what its exit code says.
package struct DaemonStart: Sendable {
    /// What `--config` says in the help of every daemon.
    package static let configHelp =
        "The configuration file; default $CLUSTEROPS_CONFIG, then \(Configuration.defaultPath)."
    /// What `--node` says.
    package static let nodeHelp = "The name of this node; it wins over the configuration."
    /// What `run` says.
    package static let runHelp = "Runs until SIGTERM, which drains; a second one stops at once."

    /// A bad configuration, which a supervisor does not repeat; the contract's 64.
    private static let misconfigured: Int32 = 64

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
        _ body: (Configuration, NodeName, Logger) async throws -> Daemon.Ending
    ) async -> Int32 {
        bootstrapLogging()
        do {
            let configuration = try Configuration.load(
                path: config,
                environment: ProcessInfo.processInfo.environment
            )
            let name = try node.map { try NodeName($0) } ?? configuration.requiredNodeName()
            return try await body(configuration, name, Logger(label: daemon.rawValue)).rawValue
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
        FileHandle.standardError.write(Data("\(daemon.rawValue): \(message)\n".utf8))
        return code
    }
}
