import ClusterModel
import MariaDB

extension ClusterOpsError {
    /// Translates what the database said.
    public init(_ error: DatabaseError) {
        if error.code == .outcomeUnknown {
            self.init(
                .unreachable,
                "the database was lost during COMMIT: what was asked for may or may not have happened; "
                    + "look, or send it again with the same id (\(error))"
            )
        } else if error.code == .readOnly || error.code == .readOnlyMode {
            self.init(.unreachable, "the database's server is read-only: nothing was written (\(error))")
        } else if error.isUnreachable {
            self.init(.unreachable, "the database cannot be reached: \(error)")
        } else if error.code == .unknownTable || error.code == .unknownDatabase {
            self.init(.notMigrated, "the database is not migrated: run 'clusterctl db migrate' (\(error))")
        } else {
            self.init(.internalFailure, "the database refused: \(error)")
        }
    }
}
