import ClusterReports

/// An object that has a line of its own in a table.
protocol TableRow: Codable, Sendable {
    static var columns: [TableColumn] { get }
    /// One for each column; nil for what is not known.
    var cells: [String?] { get }
}

extension ListView: Answer where Item: TableRow {
    var table: TextTable { TextTable(Item.columns, rows: items.map(\.cells)) }
}

extension Double {
    /// Seconds as people read them, to the millisecond.
    var secondsText: String { "\((self * 1000).rounded() / 1000) s" }
}

extension Bool {
    var word: String { self ? "yes" : "no" }
}
