import ClusterEngine
import ClusterModel
import Logging

/// The values that a daemon is given when it begins.
package struct DaemonContext: Sendable {
    package let configuration: Configuration
    package let node: NodeName
    package let logger: Logger
    package let environment: [String: String]
    /// The log level of all loggers of the process.
    package let logLevel: Adjustable<Logger.Level>
    /// Reads the configuration again, as it was read at the start.
    package let load: @Sendable () throws -> Configuration

    /// Returns the reload that SIGHUP runs.
    ///
    /// - Parameter apply: Passes on what the daemon may go by at once; the log's level is taken care of.
    /// - Returns: What is to be run at SIGHUP.
    package func reload(_ apply: @escaping @Sendable (Configuration) -> Void = { _ in }) -> ConfigurationReload {
        let logLevel = logLevel
        return ConfigurationReload(configuration, load: load, logger: logger) { configuration in
            logLevel.set(configuration.log.level)
            apply(configuration)
        }
    }
}
