import ArgumentParser
import ClusterOps
import Foundation
import Logging

/// The command line of `netnode`.
public struct NetNodeCommand: AsyncParsableCommand {
    /// What `--help` says.
    public static let configuration = CommandConfiguration(
        commandName: "netnode",
        abstract: "Makes the networks of a node and, when it is elected, serves them.",
        subcommands: [Run.self]
    )

    /// Creates the command.
    public init() {}

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs until SIGTERM, which drains; a second one stops at once."
        )

        @Option(help: "The configuration file; default $CLUSTEROPS_CONFIG, then /etc/clusterops/config.yaml.")
        var config: String?

        @Option(help: "The name of this node; it wins over the configuration.")
        var node: String?

        func run() async throws {
            bootstrapLogging()
            let logger = Logger(label: "netnode")
            do {
                let configuration = try Configuration.load(
                    path: config,
                    environment: ProcessInfo.processInfo.environment
                )
                let name = try node.map { try NodeName($0) } ?? configuration.requiredNodeName()
                let daemon = NetNodeDaemon(configuration: configuration, node: name, logger: logger)
                let ending = try await daemon.run()
                throw ExitCode(ending.rawValue)
            } catch let error as ConfigurationError {
                throw refusal("\(error)")
            } catch let error as ValueError {
                throw refusal("--node: \(error)")
            } catch let error as ExitCode {
                throw error
            } catch {
                // Something of this machine, which may be another by the next start: a supervisor tries again.
                FileHandle.standardError.write(Data("netnode: \(error)\n".utf8))
                throw ExitCode(1)
            }
        }

        /// A daemon that cannot be configured says why and ends with the contract's 64, which a supervisor does not repeat.
        private func refusal(_ message: String) -> ExitCode {
            FileHandle.standardError.write(Data("netnode: \(message)\n".utf8))
            return ExitCode(64)
        }
    }
}
