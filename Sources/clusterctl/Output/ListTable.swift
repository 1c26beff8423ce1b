import ClusterReports

/// An object that has a line of its own in a table.
protocol TableRow: Codable, Sendable {
    static var titles: [String] { get }
    /// As many as there are titles; nil for what is not known.
    var cells: [String?] { get }
}

extension ListView: Answer where Item: TableRow {
    var table: TextTable { TextTable(Item.titles, rows: items.map(\.cells)) }
}

extension Double {
    /// Seconds as people read them, to the millisecond.
    var secondsText: String { "\((self * 1000).rounded() / 1000) s" }
}

extension Bool {
    var word: String { self ? "yes" : "no" }
}
