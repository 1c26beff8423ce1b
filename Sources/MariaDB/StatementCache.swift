/// The prepared statements of one connection, by their text; the least recently used goes first.
struct StatementCache {
    /// About three times the number of statements that a worker uses.
    ///
    /// The server's default limit is 16,382 for all
    /// connections together.
    static let capacity = 160

    private var entries: [String: (statement: PreparedStatement, lastUse: UInt64)] = [:]
    private var uses: UInt64 = 0

    subscript(text: String) -> PreparedStatement? {
        mutating get {
            guard let statement = entries[text]?.statement else { return nil }
            uses += 1
            entries[text]?.lastUse = uses
            return statement
        }
    }

    mutating func insert(_ statement: PreparedStatement) {
        if entries.count >= Self.capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
        }
        uses += 1
        entries[statement.text] = (statement, uses)
    }

    mutating func remove(_ text: String) {
        entries[text] = nil
    }

    mutating func removeAll() {
        entries = [:]
    }
}
