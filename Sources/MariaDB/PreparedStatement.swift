import CMariaDB

/// The result of a statement.
public struct StatementResult: Sendable {
    /// Rows found by an UPDATE or DELETE (not only those changed), or inserted.
    public let affectedRows: Int
    /// The rows of a SELECT, or of RETURNING.
    public let rows: [Row]
    /// A Boolean value that indicates whether it returns rows, be it none.
    let hasColumns: Bool
}

/// One `MYSQL_STMT *`; lives and dies on its connection's thread.
@safe final class PreparedStatement {
    let text: String
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let parameterCount: Int
    /// The layout of its rows; nil before the first were read.
    private var layout: ColumnLayout?

    init(_ mysql: UnsafeMutablePointer<MYSQL>, text: String) throws(DatabaseError) {
        guard let statement = unsafe mysql_stmt_init(mysql) else {
            throw DatabaseError(code: .connectionLost, phase: .prepare, statement: text, message: "out of memory")
        }
        self.text = text
        unsafe self.statement = unsafe statement
        let failed = unsafe text.utf8CString.withUnsafeBufferPointer { buffer in
            unsafe mysql_stmt_prepare(statement, buffer.baseAddress, CUnsignedLong(buffer.count - 1)) != 0
        }
        parameterCount = unsafe Int(mysql_stmt_param_count(statement))
        if failed { throw failure(.prepare) }
    }

    deinit {
        unsafe mysql_stmt_close(statement)
    }

    /// Runs the statement once for each set of values, all of them in one round trip.
    func execute(_ rows: [[SQLValue]]) throws(DatabaseError) -> StatementResult {
        precondition(rows.allSatisfy { $0.count == parameterCount }, "\(text) takes \(parameterCount) values")
        precondition(!rows.isEmpty && (rows.count == 1 || parameterCount > 0), "nothing to execute")
        unsafe mysql_stmt_free_result(statement)
        var arraySize = UInt32(rows.count > 1 ? rows.count : 0)
        unsafe mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &arraySize)

        let arena = BindArena(rows)
        if parameterCount > 0, unsafe mysql_stmt_bind_param(statement, arena.binds) != 0 {
            throw failure(.execute)
        }
        if unsafe mysql_stmt_execute(statement) != 0 { throw failure(.execute) }
        defer { unsafe mysql_stmt_free_result(statement) }

        guard unsafe mysql_stmt_field_count(statement) > 0 else {
            return StatementResult(
                affectedRows: unsafe Int(mysql_stmt_affected_rows(statement)),
                rows: [],
                hasColumns: false
            )
        }
        let reader = unsafe ResultReader(statement, text: text)
        let fetched = try reader.readAll(layout: layout) { () throws(DatabaseError) -> Never in
            throw failure(.fetch)
        }
        layout = fetched.layout
        return StatementResult(affectedRows: fetched.rows.count, rows: fetched.rows, hasColumns: true)
    }

    private func failure(_ phase: DatabaseError.Phase) -> DatabaseError {
        unsafe DatabaseError(
            library: mysql_stmt_errno(statement),
            mysql_stmt_sqlstate(statement),
            mysql_stmt_error(statement),
            phase,
            of: text
        )
    }
}
