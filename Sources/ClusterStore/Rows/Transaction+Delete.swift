import ClusterModel
import MariaDB

extension Transaction {
    /// Deletes rows by the ids in an indexed column, ascending.
    ///
    /// Each id is joined to the table by its index, whatever the table's size. A list in `WHERE` makes the optimizer
    /// walk a small table as a whole, and wait for strangers' locks (225 deadlocks in a hammer against none): DELETE
    /// from one table ignores a hint, and in the form for several tables 8 ids of 24 rows were a walk all the same.
    ///
    /// - Returns: The number of rows deleted.
    @discardableResult
    borrowing func delete<Kind>(
        from table: SQL,
        by column: SQL,
        _ ids: [TypedID<Kind>],
        index: SQL = "PRIMARY",
        ifAlsoIn other: SQL? = nil
    ) throws(DatabaseError) -> Int {
        guard !ids.isEmpty else { return 0 }
        let condition: SQL = other.map { "STRAIGHT_JOIN \(sql: $0) AS f FORCE INDEX (PRIMARY) ON f.id = e.id" } ?? ""
        return try execute(
            """
            DELETE w FROM \(sql: TypedID<Kind>.rows(of: ids)) AS e
                STRAIGHT_JOIN \(sql: table) AS w FORCE INDEX (\(sql: index)) ON w.\(sql: column) = e.id
                \(sql: condition)
            """
        )
    }
}

extension TypedID {
    /// A table of ids, ascending, with the column `id`.
    static func rows(of ids: [Self]) -> SQL {
        let array = "[" + ids.sorted().map { "\"\($0)\"" }.joined(separator: ",") + "]"
        return "JSON_TABLE(\(array), '$[*]' COLUMNS (id CHAR(36) CHARACTER SET ascii PATH '$'))"
    }
}
