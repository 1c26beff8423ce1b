import ClusterEngine
import ClusterModel
import ClusterStore

extension ClusterConnection {
    /// Rows decoded at once.
    private static let rowsPerPage = 1000

    /// Looks for live operations that this program cannot decode, which no worker of its version will ever run.
    ///
    /// - Parameter limit: Rows looked at, about, the oldest ids first: 100,000 take seconds.
    /// - Returns: What was found, and among how many rows.
    /// - Throws: `ClusterOpsError` when the database cannot be read.
    package func unreadableOperations(
        examining limit: Int = 100_000
    ) async throws -> (found: [UnreadableOperation], examined: Int) {
        try await read { session in
            var found: [UnreadableOperation] = []
            var (last, examined): (OperationID?, Int) = (nil, 0)
            while examined < limit {
                let page = try OperationStatements.unreadable(after: last, page: Self.rowsPerPage, on: session)
                found += page.unreadable
                examined += page.examined
                last = page.last
                if page.examined < Self.rowsPerPage { break }
            }
            return (found, examined)
        }
    }
}
