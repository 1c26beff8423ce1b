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
    /// The report as it was last written.
    private struct Written {
        let node: NodeID
        var report: DataPlaneReport
        /// The paths and checks of which a write may have been committed or not.
        var doubtedPaths: Set<NodeID> = []
        var doubtedChecks: Set<DataPlaneCheck> = []
    }

    private let database: Database
    /// Nil before the first report of this process that is known to be written.
    private var written: Written?

    init(database: Database) {
        self.database = database
    }

    /// Writes what differs from what was written last, in one transaction; without a difference there is none.
    ///
    /// The rows of a write of which it is not known whether it has been committed are written again, whatever the
    /// report says of them by then: each statement can be made twice, and waits for a COMMIT that is still on its way.
    ///
    /// - Returns: Whether something was written.
    /// - Throws: `DatabaseError`; then all of it is for the next time.
    mutating func write(_ report: DataPlaneReport, of node: NodeID) async throws -> Bool {
        let last = written?.node == node ? written : nil
        // In the order of ids, as everybody locks them.
        let paths = Set((last?.report.paths ?? [:]).keys).union(report.paths.keys)
            .filter { last?.report.paths[$0] != report.paths[$0] }
            .union(last?.doubtedPaths ?? []).sorted()
        let checks = DataPlaneCheck.allCases.filter {
            last?.report.checks[$0] != report.checks[$0] || last?.doubtedChecks.contains($0) == true
        }
        let isFirst = last == nil
        guard isFirst || !paths.isEmpty || !checks.isEmpty else { return false }
        written?.doubtedPaths.formUnion(paths)
        written?.doubtedChecks.formUnion(checks)
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
        written = Written(node: node, report: report)
        return true
    }
}
