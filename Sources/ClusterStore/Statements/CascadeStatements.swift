import ClusterModel
import MariaDB

/// The statements on operations that have ended and have dependents left to be released or aborted.
package enum CascadeStatements {
    /// An operation that has ended.
    package struct Ended: Sendable, Hashable {
        package let id: OperationID
        package let state: OperationState

        package init(id: OperationID, state: OperationState) {
            self.id = id
            self.state = state
        }
    }

    /// Ended operations that one batch goes on with: of a wide level each has few dependents.
    package static let batch = 100

    /// Notes that operations have dependents left; in the transaction that ends them.
    package static func insert(_ ended: [Ended], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(together: ended) {
            "(\($0.id), \($0.state), NOW(6))"
        } in: { rows in
            "INSERT INTO cascades (dependency, state, ended_at) VALUES \(sql: rows)"
        }
    }

    /// Locks some that have dependents left, skipping those that somebody else goes on with.
    package static func lockNext(in transaction: borrowing Transaction) throws -> [Ended] {
        try transaction.query(
            "SELECT dependency, state FROM cascades ORDER BY dependency LIMIT \(batch) FOR UPDATE SKIP LOCKED"
        ).map { row in Ended(id: try row.get("dependency"), state: try row.get("state")) }
    }

    /// Forgets operations that have no dependents left.
    package static func delete(_ ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.delete(from: "cascades", by: "dependency", ids)
    }

    /// Those of some ended operations that have dependents left.
    ///
    /// By one probe each: a join would walk through all edges of each.
    package static func haveDependents(
        _ ended: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> Set<OperationID> {
        let ids = try ended.inLists { ids in
            try transaction.query(
                """
                SELECT id FROM (
                    SELECT f.id, (
                        SELECT e.dependency FROM operation_dependencies AS e FORCE INDEX (PRIMARY)
                        WHERE e.dependency = f.id LIMIT 1) AS edge
                    FROM finished_operations AS f FORCE INDEX (PRIMARY)
                    WHERE f.id IN (\(list: ids))) AS probed
                WHERE edge IS NOT NULL
                """
            ).map { try $0.only(OperationID.self) }
        }
        return Set(ids)
    }

    /// Counts the dependencies on some ended operations that are left, up to a limit.
    package static func edgesLeft(
        of ended: [OperationID],
        limit: Int,
        in transaction: borrowing Transaction
    ) throws -> Int {
        var count = 0
        for id in ended where count < limit {
            count += try transaction.query(
                """
                SELECT COUNT(*) FROM (
                    SELECT 1 FROM operation_dependencies FORCE INDEX (PRIMARY)
                    WHERE dependency = \(id) LIMIT \(limit - count)) AS counted
                """
            )[0].only(Int.self)
        }
        return count
    }

    /// Edges that one look for forgotten ends walks over.
    ///
    /// Ids grow with time, so what has been left behind comes first.
    package static let mostRepaired = 10_000

    /// Notes those ended operations that have dependents left and that nobody has noted; returns how many.
    ///
    /// The end of an operation takes its edges away or notes it, in its own transaction, and whoever adds an edge locks
    /// what it depends on; so there are none on one server. Where several accept writes, or a failover has lost some,
    /// an edge can have been added while the end was on its way from elsewhere. One statement, and so one snapshot:
    /// an end that has not been committed is not seen. An operation that history does not know is left to `doctor`.
    package static func noteForgotten(on session: borrowing Session) throws(DatabaseError) -> Int {
        do {
            return try session.execute(
                """
                INSERT INTO cascades (dependency, state, ended_at)
                SELECT e.dependency, f.state, NOW(6)
                FROM (
                    SELECT DISTINCT dependency FROM (
                        SELECT dependency FROM operation_dependencies FORCE INDEX (PRIMARY)
                        ORDER BY dependency, dependent LIMIT \(mostRepaired)) AS first) AS e
                    STRAIGHT_JOIN finished_operations AS f FORCE INDEX (PRIMARY) ON f.id = e.dependency
                    LEFT JOIN work_queue AS w FORCE INDEX (PRIMARY) ON w.id = e.dependency
                    LEFT JOIN cascades AS c FORCE INDEX (PRIMARY) ON c.dependency = e.dependency
                WHERE w.id IS NULL AND c.dependency IS NULL
                LIMIT \(batch)
                """
            )
        } catch {
            guard error.duplicateKey == "PRIMARY" else { throw error }
            // Another one has noted some of them at the same moment; the rest is found by the next look.
            return 0
        }
    }

    /// Ended operations whose dependents have been left for longer than workers need, oldest first.
    package static func old(by age: Duration, limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(
            """
            SELECT dependency FROM cascades WHERE ended_at < NOW(6) - INTERVAL \(age.wholeMicroseconds) MICROSECOND
            ORDER BY ended_at LIMIT \(limit)
            """
        ).map { try $0.only() }
    }
}
