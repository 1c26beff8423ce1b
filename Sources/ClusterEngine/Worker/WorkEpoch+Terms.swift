import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The part of an epoch that follows a change of what it can run.
extension WorkEpoch {
    func claiming(by terms: Terms) -> Claiming {
        Claiming(
            database: parts.database,
            runnable: terms.agreed.handlers.map(\.definition).filter { terms.obstacles[$0.name] == nil },
            stalenessBound: terms.agreed.stalenessBound
        )
    }

    /// Registers what has changed since, and goes by it; called between two claims, so that each is made by one set
    /// of terms.
    ///
    /// What changes is the configuration, and what this node can start. What runs goes on with the handler that it
    /// was begun with.
    /// - Returns: Whether there was a change.
    /// - Throws: `DatabaseError`: then it is tried again at the next turn, and the old terms hold.
    func renegotiate(_ terms: inout Terms) async throws -> Bool {
        let (latest, revision) = terms.latest.current
        let isReloaded = revision != terms.revision
        if isReloaded { parts.readiness.forgetHandlers() }
        let obstacles = await parts.readiness.obstacles(of: latest.handlers)
        guard isReloaded || obstacles != terms.obstacles else { return false }
        let (node, session, commands) = (node, session, latest.registered)
        if settings.registersTasks {
            let now = ContinuousClock.now
            let told = obstacles.mapValues { (reason: $0.reason, age: now - $0.since) }
            try await parts.database.withTransaction { transaction in
                try TaskStatements.register(
                    commands,
                    obstacles: told,
                    node: node,
                    session: session,
                    in: transaction
                )
            }
        }
        tell(obstacles, insteadOf: terms.obstacles)
        (terms.agreed, terms.revision, terms.obstacles) = (latest, revision, obstacles)
        if isReloaded { log(.notice, "works by the new configuration", ["tasks": "\(commands.count)"]) }
        return true
    }

    private func tell(_ obstacles: [TaskName: TaskObstacle], insteadOf old: [TaskName: TaskObstacle]) {
        for (task, obstacle) in obstacles where old[task]?.reason != obstacle.reason {
            log(
                .warning,
                "a task cannot be started on this node and is left to others",
                ["task": "\(task)", "reason": "\(obstacle.reason)"]
            )
        }
        for task in old.keys where obstacles[task] == nil {
            log(.notice, "a task is claimed again", ["task": "\(task)"])
        }
        parts.metrics.unstartable(obstacles.count)
    }
}
