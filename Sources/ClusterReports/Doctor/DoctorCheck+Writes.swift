import ClusterStore
import MariaDB

extension DoctorCheck {
    static let writes = DoctorCheck(
        "writes",
        "what this user may write can be written: it is tried, and taken back",
        .critical
    ) {
        _ in []
    }

    /// A write that was refused, and how.
    struct RefusedWrite: Sendable {
        let path: DoctorWriteStatements.Path
        let error: DatabaseError

        /// A Boolean value that indicates whether the user may not do it at all, which its role decides; what it
        /// lacks of one is the check `privileges`'.
        var isNotThisUsers: Bool {
            switch error.code {
            case .accessDeniedToTable, .accessDeniedToColumn: true
            default: false
            }
        }
    }

    /// Judges refusals, with one finding for each cause; pure.
    static func findings(of refused: [RefusedWrite]) -> [FindingView] {
        var findings: [FindingView] = []
        var rest = refused.filter { !$0.isNotThisUsers }
        while let first = rest.first {
            let alike = rest.filter { $0.error.code == first.error.code }
            rest.removeAll { $0.error.code == first.error.code }
            let what = alike.map(\.path.rawValue).joined(separator: ", ")
            let (cause, remedy) = explanation(of: first.error)
            findings.append(FindingView("operations cannot be \(what): \(cause)", remedy: remedy))
        }
        return findings
    }

    private static func explanation(of error: DatabaseError) -> (cause: String, remedy: String) {
        switch error.code {
        case .readOnly, .readOnlyMode:
            (
                "the server is read-only (\(error.code.rawValue))",
                "see which server is the primary, and name it first in database.hosts; "
                    + "if it is this one: SET GLOBAL read_only = 0"
            )
        case .unknownCommand:
            (
                "the server refuses all statements (1047): of Galera, it has no quorum or is not synced",
                "SHOW STATUS LIKE 'wsrep_%': bring the other members back, or name one that serves first in database.hosts"
            )
        case .diskFull, .tableFull, .storageEngine:
            (
                "the server has no room to write (\(error.code.rawValue): \(error))",
                "make room on the disk of the server's data (df), or let its tablespace grow; what waits goes on by itself"
            )
        default:
            ("\(error)", "look at the message; the daemons' logs say the same of what they try to write")
        }
    }
}
