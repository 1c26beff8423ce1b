/// One thing that a user of the database may do.
package enum DatabaseRight: Sendable, Hashable {
    /// Reading and removing rows of a table.
    case select(String)
    case delete(String)
    /// Adding rows to a table: with values in some columns of it, the others having their defaults, or in all when
    /// none is named.
    case insert(String, [String] = [])
    /// Changing rows of a table: some columns of it, or all when none is named.
    ///
    /// All where rows are written by `INSERT … ON DUPLICATE KEY UPDATE`: MariaDB 10.11 asks for this right to every
    /// column that the INSERT names.
    case update(String, [String])
    /// Calling a procedure, which acts with the rights of who made it.
    case execute(String)
    /// Changing tables, on the whole schema.
    case define(String)
    /// Seeing what others do on the server.
    case process

    /// Rights of one kind on several tables.
    package static func reading(_ tables: String...) -> [DatabaseRight] { tables.map { .select($0) } }

    /// The table that it is about; nil when it is about more.
    package var table: String? {
        switch self {
        case .select(let table), .insert(let table, _), .delete(let table), .update(let table, _): table
        case .execute, .define, .process: nil
        }
    }

    /// The procedure that it is about, if it is about one.
    package var procedure: String? {
        if case .execute(let procedure) = self { procedure } else { nil }
    }

    /// The table or the procedure that it is about.
    package var object: String? { table ?? procedure }

    /// The columns that it is limited to; empty when it is not.
    package var columns: [String]? {
        switch self {
        case .insert(_, let columns), .update(_, let columns): columns
        case .select, .delete, .execute, .define, .process: nil
        }
    }

    /// As MariaDB writes it in a GRANT.
    package var words: String {
        switch self {
        case .select: "SELECT"
        case .insert(_, let columns): "INSERT" + Self.list(columns)
        case .delete: "DELETE"
        case .update(_, let columns): "UPDATE" + Self.list(columns)
        case .execute: "EXECUTE"
        case .define(let word): word
        case .process: "PROCESS"
        }
    }

    private static func list(_ columns: [String]) -> String {
        columns.isEmpty ? "" : " (\(columns.joined(separator: ", ")))"
    }

    /// The order in which people write them.
    package var rank: Int {
        switch self {
        case .process: 0
        case .define: 1
        case .select: 2
        case .insert: 3
        case .update: 4
        case .delete: 5
        case .execute: 6
        }
    }
}
