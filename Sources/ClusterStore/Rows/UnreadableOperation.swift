import ClusterModel
import MariaDB

/// A row of the queue that this program cannot decode: written by a newer one, or by hand.
package struct UnreadableOperation: Sendable, Hashable {
    package let id: OperationID
    /// The column, and what was expected of it.
    package let reason: String

    package init(id: OperationID, reason: String) {
        self.id = id
        self.reason = reason
    }

    /// Decodes rows that have `Operation`'s columns, and tells those apart that cannot be.
    package static func sortOut(
        _ rows: [Row],
        omitsUnreadable: Bool = false
    ) throws -> (operations: [Operation], unreadable: [UnreadableOperation]) {
        var operations: [Operation] = []
        var unreadable: [UnreadableOperation] = []
        for row in rows {
            do {
                operations.append(try Operation(row: row, omitsUnreadable: omitsUnreadable))
            } catch let error as DatabaseError {
                unreadable.append(UnreadableOperation(id: try row.get("id"), reason: "\(error)"))
            }
        }
        return (operations, unreadable)
    }
}
