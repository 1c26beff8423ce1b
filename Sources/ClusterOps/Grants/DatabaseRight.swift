/// One thing that a user of the database may do.
package enum DatabaseRight: Sendable, Hashable {
    /// Reading, adding and removing rows of a table.
    case select(String)
    case insert(String)
    case delete(String)
    /// Changing rows of a table: some columns of it, or all when none is named.
    ///
    /// All where rows are written by `INSERT … ON DUPLICATE KEY UPDATE`: MariaDB 10.11 asks for this right to every column that
    /// the INSERT names.
    case update(String, [String])
    /// What changes tables, on the whole schema.
    case define(String)
    /// Seeing what others do on the server.
    case process

    /// Rights of one kind on several tables.
    static func reading(_ tables: String...) -> [DatabaseRight] { tables.map { .select($0) } }

    /// The table that it is about; nil when it is about more.
    var table: String? {
        switch self {
        case .select(let table), .insert(let table), .delete(let table), .update(let table, _): table
        case .define, .process: nil
        }
    }

    /// As MariaDB writes it in a GRANT.
    var words: String {
        switch self {
        case .select: "SELECT"
        case .insert: "INSERT"
        case .delete: "DELETE"
        case .update(_, let columns): "UPDATE" + (columns.isEmpty ? "" : " (\(columns.joined(separator: ", ")))")
        case .define(let word): word
        case .process: "PROCESS"
        }
    }

    /// The order in which people write them.
    var rank: Int {
        switch self {
        case .process: 0
        case .define: 1
        case .select: 2
        case .insert: 3
        case .update: 4
        case .delete: 5
        }
    }
}
