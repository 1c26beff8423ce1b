import ClusterModel
import MariaDB

extension ClusterOpsError {
    /// Translates what the database said.
    public init(_ error: DatabaseError) {
        let why = "(\(error.reason))"
        switch error.code {
        case .outcomeUnknown, .errorDuringCommit:
            self.init(
                .unreachable,
                "the database was lost during COMMIT: what was asked for may or may not have happened; "
                    + "look, or send it again with the same id \(why)"
            )
        case .readOnly, .readOnlyMode:
            self.init(.unreachable, "the database's server is read-only: nothing was written \(why)")
        case .diskFull, .tableFull,
            .storageEngine where error.isAboutSpace:
            self.init(
                .unreachable,
                "the database's server has no room left: nothing was written; make room on its disk, or in the "
                    + "tablespace that is limited \(why)"
            )
        case .tooManyConnections:
            self.init(
                .unreachable,
                "the database's server has no connection left: raise its max_connections, see "
                    + "deploy/mariadb/clusterops.cnf \(why)"
            )
        case .tlsFailed, .plaintextRefused:
            self.init(
                .unreachable,
                "the connection to the database is not protected as database.tls.mode asks: the server has to offer "
                    + "TLS, and for 'verify' a certificate that database.tls.ca_file vouches for and that names the "
                    + "host \(why)"
            )
        case .statementTimeout:
            self.init(.unreachable, "the database's server did not answer within the time of a statement \(why)")
        case .unknownTable:
            self.init(.notMigrated, "the database is not migrated: run 'clusterctl db migrate' \(why)")
        case .unknownDatabase:
            self.init(
                .notMigrated,
                "there is no such schema on the database's server: 'clusterctl db migrate' creates it where its user "
                    + "may \(why)"
            )
        default:
            if let denial = DatabaseDenial(error) {
                self.init(.notPermitted, "\(denial.sentence) \(why)")
            } else if error.isWithoutAnswer {
                self.init(.unreachable, "the database cannot be reached: \(error.reason)")
            } else {
                self.init(.internalFailure, "the database refused: \(error)")
            }
        }
    }
}

extension DatabaseError {
    /// A Boolean value that indicates whether the storage engine quotes errno 28, that of a full disk.
    fileprivate var isAboutSpace: Bool { reason.contains("error 28") }
}
