/// Rows of text in columns; pure.
struct TextTable: Equatable {
    /// The text that stands for a value that is not known.
    static let unknown = "-"
    /// The least a column is cut to; shorter texts say nothing.
    private static let narrowest = 8
    private static let gap = "  "

    /// The titles of the columns; none for a table of names and values.
    let titles: [String]
    /// Each as long as the titles, if there are any.
    private(set) var rows: [[String]]
    /// The names of rows that are shown as alarms.
    private var alarms: Set<String> = []
    /// Tables that come after this one, each behind a blank line.
    private var following: [TextTable] = []

    /// A table with a line of titles.
    init(_ titles: [String], rows: [[String?]]) {
        self.titles = titles
        self.rows = rows.map { row in row.map { Printable.escaped($0 ?? Self.unknown) } }
    }

    /// The values of one object, a line each; those of `alarms` are red where there are colours.
    init(fields: [(name: String, value: String?)], alarms: Set<String> = []) {
        titles = []
        rows = fields.map { [$0.name, Printable.escaped($0.value ?? Self.unknown)] }
        self.alarms = alarms
    }

    /// The table with others below it; those without rows are left out.
    func followed(by tables: [TextTable]) -> TextTable {
        var all = ([self] + tables).filter { !$0.rows.isEmpty }
        guard !all.isEmpty else { return self }
        var first = all.removeFirst()
        first.following += all
        return first
    }

    /// A value of several lines, each as a field of its own; only the first one has the name.
    static func lines(_ name: String, _ text: String?) -> [(name: String, value: String?)] {
        guard let text else { return [(name, nil)] }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        return lines.enumerated().map { ($0.offset == 0 ? name : "", String($0.element)) }
    }

    /// The values of one object with more behind them.
    func adding(_ fields: [(name: String, value: String?)]) -> TextTable {
        var table = self
        table.rows += TextTable(fields: fields).rows
        return table
    }

    /// The table as lines, made to fit a width if there is one: values beside names are wrapped, columns are cut, and
    /// the last ones left out, but for ids.
    func text(width: Int?, style: TextStyle = .plain) -> String {
        ([ownText(width: width, style: style)] + following.map { $0.text(width: width, style: style) })
            .joined(separator: "\n")
    }

    private func ownText(width: Int?, style: TextStyle) -> String {
        let kept = columnsThatFit(width)
        let lines =
            titles.isEmpty
            ? rows.flatMap { wrapped($0, to: width) } : ([titles] + rows).map { Array($0.prefix(kept)) }
        let widths = columnWidths(of: lines, total: width)
        var isAlarm = false
        return lines.enumerated().map { number, line in
            let isTitle = number == 0 && !titles.isEmpty
            // A line without a name goes on with the one above it.
            if let name = line.first, !name.isEmpty { isAlarm = alarms.contains(name) }
            var text = ""
            for (index, cell) in line.enumerated() {
                let cut = Self.cut(cell, to: widths[index])
                text += (index == 0 ? "" : Self.gap) + style.styled(cut, isTitle: isTitle, isAlarm: isAlarm)
                // The last column is not filled up: no line ends in spaces.
                if index < line.count - 1 { text += String(repeating: " ", count: widths[index] - cut.count) }
            }
            return text + "\n"
        }.joined()
    }

    /// Columns whose values are of use only as a whole: people act by them.
    private static let identifiers: Set<String> = ["UUID", "OPERATION", "MAC", "ADDRESS"]

    private func isWhole(_ column: Int) -> Bool {
        column < titles.count && Self.identifiers.contains(titles[column])
    }

    /// Returns how many columns fit when each is as narrow as it may be; the last ones are left out, and stand in the
    /// JSON.
    private func columnsThatFit(_ width: Int?) -> Int {
        guard let width, !titles.isEmpty else { return titles.count }
        var left = width
        for column in titles.indices {
            let widest = ([titles] + rows).map { $0[column].count }.max() ?? 0
            left -= (column == 0 ? 0 : Self.gap.count) + (isWhole(column) ? widest : min(widest, Self.narrowest))
            if left < 0 { return max(1, column) }
        }
        return titles.count
    }

    /// The least that is left for values beside long names.
    private static let narrowestValue = 20

    /// A name and its value, which goes on in lines below if it is too long; a reason that is cut off explains nothing.
    private func wrapped(_ row: [String], to width: Int?) -> [[String]] {
        guard let width, row.count == 2 else { return [row] }
        let names = rows.map { $0.first?.count ?? 0 }.max() ?? 0
        let room = max(Self.narrowestValue, width - names - Self.gap.count)
        var lines: [String] = []
        var line = ""
        for word in row[1].split(separator: " ", omittingEmptySubsequences: false) {
            if !line.isEmpty, line.count + 1 + word.count > room {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? word : " " + word
            // A word that fits no line is broken where it must be.
            while line.count > room {
                lines.append(String(line.prefix(room)))
                line = String(line.dropFirst(room))
            }
        }
        lines.append(line)
        return lines.enumerated().map { [$0.offset == 0 ? row[0] : "", $0.element] }
    }

    /// As wide as the widest cell; if that is too much, the widest columns give way first.
    private func columnWidths(of lines: [[String]], total: Int?) -> [Int] {
        guard let columns = lines.map(\.count).max(), columns > 0 else { return [] }
        var widths = (0..<columns).map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        guard let total else { return widths }
        var excess = widths.reduce(0, +) + Self.gap.count * (columns - 1) - total
        while excess > 0, let widest = widths.indices.filter({ !isWhole($0) }).max(by: { widths[$0] < widths[$1] }),
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
