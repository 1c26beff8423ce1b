/// The differences between a configuration and the next one.
///
/// Pure.
package struct ConfigurationChange: Sendable, Hashable {
    /// The keys that a running daemon goes by at once.
    static let reloadableKeys: Set<String> = ["worker.staleness_bound", "history.retention", "log.level"]

    /// Keys that were changed and hold from now on, in the order of the annotated example; tasks as `tasks.NAME`.
    package private(set) var reloaded: [String] = []
    /// Keys that were changed and hold from the next start.
    package private(set) var awaitingRestart: [String] = []

    package init(from old: Configuration, to new: Configuration) {
        for key in Configuration.keys where key.current(old) != key.current(new) {
            if Self.reloadableKeys.contains(key.path) {
                reloaded.append(key.path)
            } else {
                awaitingRestart.append(key.path)
            }
        }
        let tasks = Set(old.tasks.keys).union(new.tasks.keys).sorted()
        reloaded += tasks.filter { old.tasks[$0] != new.tasks[$0] }.map { "tasks.\($0)" }
    }
}

extension Configuration {
    /// This one with what may be reloaded taken from a newer one: what a daemon goes by after a reload.
    package func reloaded(from newer: Configuration) -> Configuration {
        var result = self
        result.worker.stalenessBound = newer.worker.stalenessBound
        result.history.retention = newer.history.retention
        result.log.level = newer.log.level
        result.tasks = newer.tasks
        return result
    }
}
