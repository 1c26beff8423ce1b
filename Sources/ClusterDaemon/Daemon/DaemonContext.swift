import ClusterEngine
import ClusterModel
import Logging
import MariaDB

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

    /// Returns the pool of connections for a daemon's work.
    ///
    /// - Throws: `ConfigurationError` for a password that cannot be read.
    package func database() throws -> Database {
        Database(try configuration.databaseConnection(), pool: configuration.pool(), logger: logger)
    }

    /// Returns the service that listens for wake-ups of doorbells.
    package func listener(_ database: Database, for doorbells: [Doorbell]) -> DoorbellService {
        DoorbellService(
            configuration.doorbell,
            underlay: configuration.node.underlayAddress,
            node: node,
            database: database,
            doorbells: doorbells,
            logger: logger
        )
    }

    /// Returns the settings of a daemon's worker.
    package func workerSettings(_ daemon: DaemonName, slots: Int) -> Worker.Settings {
        Worker.Settings(
            daemon: daemon,
            node: node,
            slots: slots,
            pollInterval: configuration.worker.pollInterval,
            stalenessBound: configuration.worker.stalenessBound,
            lease: SessionLease.Timing(lease: configuration.session.lease, renew: configuration.session.renew)
        )
    }
}
