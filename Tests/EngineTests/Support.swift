import ClusterOpsTestKit
import MariaDB

extension TestCluster {
    /// Waits until the server works on a statement of this schema that locks rows for writing.
    ///
    /// While another transaction holds the row, that one waits for it. (`innodb_trx` would tell, but is not renewed for
    /// whoever asks more often than ten times a second.)
    func untilSomebodyLocksForUpdate() async throws {
        try await eventually("somebody locks for update") {
            try await count(
                """
                SELECT COUNT(*) FROM information_schema.processlist
                WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%FOR UPDATE'
                """
            ) > 0
        }
    }
}
