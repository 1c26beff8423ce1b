import DatabaseTime

/// Rows of text in columns; pure.
struct TextTable: Equatable, Sendable {
    /// A name with its value; nil when that is not known.
    typealias Field = (name: String, value: String?)

    /// A line as it is shown.
    struct Line: Equatable {
        var text = ""
        var isTitle = false
        var isAlarm = false
    }

    /// The text that stands for a value that is not known.
    static let unknown = "-"
    private static let gap = String(repeating: " ", count: TableLayout.gap)

    /// The columns; none for a table of names and values.
    private let columns: [TableColumn]
    /// Each as long as the columns, if there are any.
    private var rows: [[String]]
    /// The names of rows that are shown as alarms.
    private var alarms: Set<String> = []
    /// The least width of names, as other parts of the same object have it.
    private var nameWidth = 0
    /// Tables that come after this one, each behind a blank line.
    private var following: [TextTable] = []

    /// A table with a line of titles.
    init(_ columns: [TableColumn], rows: [[String?]]) {
        self.columns = columns
        self.rows = rows.map { row in row.map { Printable.escaped($0 ?? Self.unknown) } }
    }

    /// The values of one object, a line each; those of `alarms` are red where there are colours.
    init(fields: [Field], alarms: Set<String> = []) {
        columns = []
        rows = fields.map { [$0.name, Printable.escaped($0.value ?? Self.unknown)] }
        self.alarms = alarms
    }

    /// The values of one object in several parts, with a blank line between two; what is not known is left out.
    init(parts: [[Field]], alarms: Set<String> = []) {
        var tables = parts.map { TextTable(fields: $0.filter { $0.value != nil }, alarms: alarms) }
        let names = tables.flatMap { $0.rows.map { $0[0].count } }
        for index in tables.indices { tables[index].nameWidth = names.max() ?? 0 }
        self = TextTable(fields: []).followed(by: tables)
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
    static func lines(_ name: String, _ text: String?) -> [Field] {
        guard let text else { return [(name, nil)] }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        return lines.enumerated().map { ($0.offset == 0 ? name : "", String($0.element)) }
    }

    /// The values of one object with more behind them.
    func adding(_ fields: [Field]) -> TextTable {
        var table = self
        table.rows += TextTable(fields: fields).rows
        return table
    }

    /// The table as text, made to fit a width if there is one.
    func text(width: Int?, style: TextStyle = .plain, now: Timestamp = ShortTime.now) -> String {
        lines(width: width, style: style, now: now).map { $0.text + "\n" }.joined()
    }

    /// The table line by line: values beside names are wrapped, and columns are fitted by `TableLayout`.
    func lines(width: Int?, style: TextStyle = .plain, now: Timestamp = ShortTime.now) -> [Line] {
        let own = columns.isEmpty ? fieldLines(width, style) : columnLines(width, style, now)
        return following.reduce(own) { $0 + [Line()] + $1.lines(width: width, style: style, now: now) }
    }

    // MARK: Columns

    /// The lines of a sentence; the rest is in the JSON.
    private static let mostWrapped = 6

    private func columnLines(_ width: Int?, _ style: TextStyle, _ now: Timestamp) -> [Line] {
        let layout = TableLayout(columns, rows: rows, width: width, now: now)
        let cells = layout.rows.flatMap { row in
            Self.rows(
                of: zip(row, layout.columns.indices).map { cell, column in
                    layout.columns[column].content == .prose
                        ? Self.wrapped(cell, to: layout.widths[column], most: Self.mostWrapped) : [cell]
                }
            )
        }
        return ([layout.titles] + cells).enumerated().map { number, cells in
            Line(text: Self.line(cells, layout.widths, style, isTitle: number == 0), isTitle: number == 0)
        }
    }

    /// Makes as many rows of cells with several lines as the longest has.
    private static func rows(of cells: [[String]]) -> [[String]] {
        (0..<(cells.map(\.count).max() ?? 0)).map { line in cells.map { line < $0.count ? $0[line] : "" } }
    }

    // MARK: Names and values

    /// The least that is left for values beside long names.
    private static let narrowestValue = 20

    private func fieldLines(_ width: Int?, _ style: TextStyle) -> [Line] {
        let names = max(nameWidth, rows.map { $0[0].count }.max() ?? 0)
        let room = width.map { max(Self.narrowestValue, $0 - names - TableLayout.gap) }
        var isAlarm = false
        return rows.flatMap { row in
            // A line without a name goes on with the one above it.
            if !row[0].isEmpty { isAlarm = alarms.contains(row[0]) }
            let values = room.map { Self.wrapped(row[1], to: $0) } ?? [row[1]]
            return values.enumerated().map { [isAlarm] number, value in
                let cells = [number == 0 ? row[0] : "", value]
                return Line(text: Self.line(cells, [names, 0], style, isAlarm: isAlarm), isAlarm: isAlarm)
            }
        }
    }

    // MARK: Lines

    private static func line(
        _ cells: [String],
        _ widths: [Int],
        _ style: TextStyle,
        isTitle: Bool = false,
        isAlarm: Bool = false
    ) -> String {
        // No line ends in spaces.
        let last = cells.lastIndex { !$0.isEmpty } ?? 0
        return cells[...last].enumerated().map { column, cell in
            style.styled(cell, isTitle: isTitle, isAlarm: isAlarm)
                + (column < last ? String(repeating: " ", count: max(0, widths[column] - cell.count)) + gap : "")
        }.joined()
    }

    /// Breaks a text into lines, between words where it can; the last of so many ends in an ellipsis if there is more.
    static func wrapped(_ text: String, to room: Int, most: Int = .max) -> [String] {
        var lines: [String] = []
        // A line may begin with spaces, as those of tracebacks do.
        var line: String?
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if let full = line, !full.isEmpty, full.count + 1 + word.count > room {
                lines.append(full)
                line = nil
            }
            var longer = line.map { $0 + " " + word } ?? String(word)
            // A word that fits no line is broken where it must be.
            while longer.count > room {
                lines.append(String(longer.prefix(room)))
                longer = String(longer.dropFirst(room))
            }
            line = longer
        }
        lines.append(line ?? "")
        guard lines.count > most else { return lines }
        return lines.prefix(most - 1) + [lines[most - 1].prefix(max(0, room - 1)) + "…"]
    }
}
