import ClusterModel
import MariaDB

extension OperationStatements {
    /// An operation, or why it cannot be decoded.
    package enum Readable: Sendable {
        case operation(Operation)
        case unreadable(UnreadableOperation)
    }

    /// Reads one operation, live or ended; nil for an id that is nowhere.
    ///
    /// Of a live one all counts, because a worker has to read it; of an ended one what can be shown is enough.
    package static func readable(_ id: OperationID, on session: borrowing Session) throws -> Readable? {
        do {
            return try operations([id], on: session).first.map(Readable.operation)
        } catch let error as DatabaseError where error.code == .unexpectedValue {
            if let ended = try shown([id], on: session).operations.first, ended.state.isTerminal {
                return .operation(ended)
            }
            return .unreadable(UnreadableOperation(id: id, reason: "\(error)"))
        }
    }

    /// Looks for live operations that cannot be decoded, one page in the order of ids.
    package static func unreadable(
        after id: OperationID?,
        page: Int,
        on session: borrowing Session
    ) throws -> (unreadable: [UnreadableOperation], last: OperationID?, examined: Int) {
        let condition: SQL = id.map { "WHERE id > \($0)" } ?? ""
        let rows = try session.query(
            """
            SELECT \(sql: Operation.liveColumns) FROM work_queue FORCE INDEX (PRIMARY) \(sql: condition)
            ORDER BY id LIMIT \(page)
            """
        )
        return (try UnreadableOperation.sortOut(rows).unreadable, try rows.last?.get("id"), rows.count)
    }
}
