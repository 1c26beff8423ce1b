import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The part of an epoch that notices a twin: another process that runs the same daemon for the same node, as with a
/// configuration that was copied.
///
/// It is no reason to stop: claims are fenced by session, and each registers its own tasks. A process that starts
/// after a crash must not wait for its predecessor's lease to end either.
extension WorkEpoch {
    /// Warns of each other session that is renewed beside this one, until there is none any more.
    ///
    /// One statement where there is none; else one a lease. Of two processes the one that came later tells.
    func watchForTwins() async {
        var watch = TwinWatch()
        var isUnseen = true
        while true {
            do {
                let others = try await others()
                for twin in watch.observe(others) {
                    log(
                        .warning,
                        "another process of this node and daemon has a living session",
                        [
                            "daemon": "\(settings.daemon.rawValue)", "node": "\(settings.node)", "pid": "\(twin.pid)",
                            "other": "\(twin.session)", "age": "\(twin.age.text)",
                        ]
                    )
                }
                if watch.isOver {
                    // It may have died since, and left tasks that nobody can run any more.
                    if !isUnseen { try await forgetSuperseded() }
                    return
                }
                isUnseen = false
            } catch {
                // Made up for at the next turn; the renewals tell of a database that is away.
            }
            // A twin lives if its counter has risen, or is dead by the reaper's word, after a lease.
            guard (try? await Task.sleep(for: settings.lease.leaseDuration)) != nil else { return }
        }
    }

    private func others() async throws -> [TwinWatch.Twin] {
        let (session, node, daemon) = (session, node, settings.daemon)
        return try await parts.database.withRepeatableSession { connection in
            try SessionStatements.others(of: daemon, on: node, than: session, on: connection)
        }
    }

    /// Removes registrations of dead sessions of this node, unless they are all that the cluster knows of its tasks.
    func forgetSuperseded() async throws {
        guard settings.registersTasks else { return }
        let node = node
        try await parts.database.withRepeatableSession { try TaskStatements.forgetSuperseded(node: node, on: $0) }
    }
}
