import Logging
import Synchronization

/// Reads the configuration again at SIGHUP.
///
/// One that is wrong changes nothing: the daemon goes on by what it has, and the log says why.
package final class ConfigurationReload: Sendable {
    private let load: @Sendable () throws -> Configuration
    private let apply: @Sendable (Configuration) -> Void
    private let logger: Logger
    private let held: Mutex<Configuration>

    /// - Parameters:
    ///   - configuration: What the daemon began with.
    ///   - load: Reads it as at the start.
    ///   - logger: Told of each reload.
    ///   - apply: Passes on what may change; called for one reload at a time.
    package init(
        _ configuration: Configuration,
        load: @escaping @Sendable () throws -> Configuration,
        logger: Logger,
        apply: @escaping @Sendable (Configuration) -> Void
    ) {
        self.load = load
        self.apply = apply
        self.logger = logger
        held = Mutex(configuration)
    }

    /// Reads, compares, passes on and tells.
    package func run() {
        do {
            let next = try load()
            let change = held.withLock { held in
                let change = ConfigurationChange(from: held, to: next)
                // What awaits a restart is named again at each reload until there is one.
                held = held.reloaded(from: next)
                apply(held)
                return change
            }
            logger.notice("configuration reloaded", metadata: ["changed": "\(Self.text(change.reloaded))"])
            guard !change.awaitingRestart.isEmpty else { return }
            logger.warning(
                "some keys hold from the next start",
                metadata: ["keys": "\(Self.text(change.awaitingRestart))"]
            )
        } catch {
            logger.error("the configuration was not reloaded; the old one holds", metadata: ["error": "\(error)"])
        }
    }

    private static func text(_ keys: [String]) -> String {
        keys.isEmpty ? "nothing" : keys.joined(separator: " ")
    }
}
