/// Rows of text in columns; pure.
struct TextTable: Equatable {
    /// What stands for a value that is not known.
    static let unknown = "-"
    /// The least a column is cut to; shorter texts say nothing.
    private static let narrowest = 8
    private static let gap = "  "

    /// The titles of the columns; none for a table of names and values.
    let titles: [String]
    /// Each as long as the titles, if there are any.
    let rows: [[String]]

    /// A table with a line of titles.
    init(_ titles: [String], rows: [[String?]]) {
        self.titles = titles
        self.rows = rows.map { row in row.map { Printable.escaped($0 ?? Self.unknown) } }
    }

    /// The values of one object, a line each.
    init(fields: [(name: String, value: String?)]) {
        titles = []
        rows = fields.map { [$0.name, Printable.escaped($0.value ?? Self.unknown)] }
    }

    /// The values of one object with more behind them.
    func adding(_ fields: [(name: String, value: String?)]) -> TextTable {
        TextTable(titles: titles, printable: rows + TextTable(fields: fields).rows)
    }

    private init(titles: [String], printable rows: [[String]]) {
        self.titles = titles
        self.rows = rows
    }

    /// The table as lines, cut to a width if there is one.
    func text(width: Int?) -> String {
        let lines = (titles.isEmpty ? [] : [titles]) + rows
        let widths = columnWidths(of: lines, total: width)
        return lines.map { line in
            var text = ""
            for (index, cell) in line.enumerated() {
                let cut = Self.cut(cell, to: widths[index])
                text += index == 0 ? cut : Self.gap + cut
                // The last column is not filled up: no line ends in spaces.
                if index < line.count - 1 { text += String(repeating: " ", count: widths[index] - cut.count) }
            }
            return text + "\n"
        }.joined()
    }

    /// As wide as the widest cell; if that is too much, the widest columns give way first.
    private func columnWidths(of lines: [[String]], total: Int?) -> [Int] {
        guard let columns = lines.map(\.count).max(), columns > 0 else { return [] }
        var widths = (0..<columns).map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        guard let total else { return widths }
        var excess = widths.reduce(0, +) + Self.gap.count * (columns - 1) - total
        while excess > 0, let widest = widths.indices.max(by: { widths[$0] < widths[$1] }),
            widths[widest] > Self.narrowest
        {
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }
}
