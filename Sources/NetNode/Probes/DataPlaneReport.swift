import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// The faults that a node finds of the paths from it, and the outcome of its checks; pure.
struct DataPlaneReport: Sendable, Hashable {
    /// A faulty path.
    struct Path: Sendable, Hashable {
        let state: PathFinding.State
        let size: Int?
        let reason: String
    }

    /// The outcome of a check.
    struct Check: Sendable, Hashable {
        let state: DataPlaneCheck.State
        /// Empty where nothing is wrong.
        let reason: String

        static let ok = Check(state: .ok, reason: "")
        static let unused = Check(state: .unused, reason: "")

        static func failed(_ reason: String) -> Check { Check(state: .failed, reason: reason) }
    }

    /// By the node at the other end; a path that is well has none.
    var paths: [NodeID: Path] = [:]
    /// Those whose outcome is known.
    var checks: [DataPlaneCheck: Check] = [:]
}

/// Writes a node's reports into the database, by their differences only: a cluster in which nothing changes writes
/// nothing.
struct DataPlaneReporter {
    private let database: Database
    /// The report as it was last written, and the node's id then; nil before the first one of this process.
    private var written: (node: NodeID, report: DataPlaneReport)?

    init(database: Database) {
        self.database = database
    }

    /// Writes what differs from what was written last, in one transaction; without a difference there is none.
    ///
    /// A write of which it is not known whether it has been committed is made again: each can be made twice.
    ///
    /// - Returns: Whether something was written.
    /// - Throws: `DatabaseError`; then all of it is for the next time.
    mutating func write(_ report: DataPlaneReport, of node: NodeID) async throws -> Bool {
        let isFirst = written?.node != node
        let last = isFirst ? DataPlaneReport() : written?.report ?? DataPlaneReport()
        guard isFirst || report != last else { return false }
        // In the order of ids, as everybody locks them.
        let paths = Set(last.paths.keys).union(report.paths.keys).sorted().filter { last.paths[$0] != report.paths[$0] }
        let checks = DataPlaneCheck.allCases.filter { last.checks[$0] != report.checks[$0] }
        try await database.withTransaction { transaction in
            // An earlier process of this node knew other things.
            if isFirst {
                try DataPlaneStatements.deletePaths(from: node, in: transaction)
                try DataPlaneStatements.deleteChecks(of: node, in: transaction)
            }
            for other in paths {
                if let path = report.paths[other] {
                    try DataPlaneStatements.recordPath(
                        from: node,
                        to: other,
                        path.state,
                        size: path.size,
                        reason: path.reason,
                        in: transaction
                    )
                } else {
                    try DataPlaneStatements.deletePath(from: node, to: other, in: transaction)
                }
            }
            for check in checks {
                guard let found = report.checks[check] else { continue }
                try DataPlaneStatements.recordCheck(
                    check,
                    of: node,
                    found.state,
                    reason: found.reason,
                    in: transaction
                )
            }
        }
        written = (node, report)
        return true
    }
}
