import Logging
import MariaDB

/// How an epoch follows a change of what it can run.
extension WorkEpoch {
    func claiming(by terms: WorkTerms) -> Claiming {
        Claiming(
            database: parts.database,
            runnable: terms.handlers.map(\.definition),
            stalenessBound: terms.stalenessBound
        )
    }

    /// Registers what was changed since, and goes by it; called between two claims, so that each is made by one set of terms.
    ///
    /// What runs goes on with the handler that it was begun with.
    /// - Returns: Whether there was a change.
    /// - Throws: `DatabaseError`: then it is tried again at the next turn, and the old terms hold.
    func renegotiate(_ terms: inout Terms) async throws -> Bool {
        let (latest, revision) = terms.latest.current
        guard revision != terms.revision else { return false }
        let (node, session, commands) = (node, session, latest.registered)
        if settings.registersTasks {
            try await parts.database.withTransaction { transaction in
                try TaskStatements.register(commands, node: node, session: session, in: transaction)
            }
        }
        (terms.agreed, terms.revision) = (latest, revision)
        log(.notice, "works by the new configuration", ["tasks": "\(commands.count)"])
        return true
    }
}
