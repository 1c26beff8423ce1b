import ClusterModel
import ClusterStore
import MariaDB

/// Writes down what commands print while they run.
///
/// The last of it is written with their outcomes, by ``Settling``.
package struct OutputWriting: Sendable {
    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// Writes the output of those attempts that still are the session's.
    ///
    /// Their rows are read without a lock: nobody else writes the output of a delivery, and what comes after its end is
    /// older than what the end has written, and changes nothing.
    /// - Throws: `DatabaseError`; the next write, or the outcome, brings it all.
    package func write(_ printed: [OutputStatements.Printed], of session: SessionID) async throws {
        guard !printed.isEmpty else { return }
        try await database.withTransaction { transaction in
            let ids = Set(printed.map(\.operation)).sorted()
            let standing = try EndingStatements.standingClaims(ids, of: session, on: transaction.session)
            let own = printed.filter { printed in
                standing.contains { $0 == (printed.operation, printed.delivery) }
            }
            try OutputStatements.write(own, in: transaction)
        }
    }
}
