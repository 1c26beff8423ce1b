import ClusterModel
import DatabaseTime
import MariaDB

extension OperationStatements {
    /// The operations that ride, or rode, on some, by primary; each list by id.
    package static func followers(
        ofAll primaries: [OperationID],
        on session: borrowing Session
    ) throws -> [OperationID: [OperationID]] {
        guard !primaries.isEmpty else { return [:] }
        let pairs = try session.query(
            """
            SELECT folded_into, id FROM work_queue FORCE INDEX (work_by_lookup)
            WHERE lookup_key IN (\(list: primaries.map(\.followerKey)))
            UNION
            SELECT folded_into, id FROM finished_operations FORCE INDEX (finished_followers)
            WHERE folded_into IN (\(list: primaries))
            ORDER BY id
            """
        ).map { try $0.decode((OperationID, OperationID).self) }
        return Dictionary(grouping: pairs, by: \.0).mapValues { $0.map(\.1) }
    }

    /// The requests that adopted some operations, by operation; each list oldest first.
    package static func adoptions(
        ofAll operations: [OperationID],
        on session: borrowing Session
    ) throws -> [OperationID: [(requester: String, at: Timestamp)]] {
        guard !operations.isEmpty else { return [:] }
        let rows = try session.query(
            """
            SELECT operation, requester, adopted_at FROM adoptions FORCE INDEX (adoptions_of)
            WHERE operation IN (\(list: operations)) ORDER BY number
            """
        ).map { try $0.decode((OperationID, String, Timestamp).self) }
        return Dictionary(grouping: rows, by: \.0).mapValues { $0.map { (requester: $0.1, at: $0.2) } }
    }

    /// The database's time.
    package static func now(on session: borrowing Session) throws -> Timestamp {
        try session.query("SELECT NOW(6)")[0].only()
    }
}
