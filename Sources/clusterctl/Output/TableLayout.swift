import DatabaseTime

/// The columns of a table as they fit a width; pure.
///
/// A table gives up, in this order and only as far as it takes: columns without a value, the dates and fractions of
/// times, the ends of ids, details, the middles of names, other columns, and at last names.
struct TableLayout {
    /// Columns between two columns.
    static let gap = 2
    /// The least a sentence is broken to, or a name is cut to; shorter ones say nothing.
    private static let narrowest = (prose: 22, name: 12)

    private(set) var columns: [TableColumn]
    private(set) var titles: [String]
    private(set) var rows: [[String]]
    private(set) var widths: [Int] = []

    /// Makes a table fit; without a width everything is as wide as it is.
    init(_ columns: [TableColumn], rows: [[String]], width: Int?, now: Timestamp) {
        self.columns = columns
        self.rows = rows
        titles = columns.map(\.title)
        widths = fullWidths
        guard let width else { return }
        if isWider(than: width) { leaveOutEmptyColumns() }
        if isWider(than: width) { shortenTimes(now) }
        if isWider(than: width) { shortenIDs() }
        widths = fullWidths
        while total(leastWidths(cutsNames: false)) > width, leaveOut(.detail) {}
        while total(leastWidths(cutsNames: true)) > width, leaveOut(.whole) || leaveOut(.prose) || leaveOut(.name) {}
        narrow(to: width)
    }

    // MARK: Columns

    private mutating func leaveOutEmptyColumns() {
        for column in columns.indices.reversed() where columns.count > 1 {
            if !rows.isEmpty, rows.allSatisfy({ $0[column] == TextTable.unknown }) { remove(column) }
        }
    }

    /// Leaves out the last column of a kind, if there is one and another one beside it.
    private mutating func leaveOut(_ content: TableColumn.Content) -> Bool {
        guard columns.count > 1, let column = columns.lastIndex(where: { $0.content == content }) else { return false }
        remove(column)
        return true
    }

    private mutating func remove(_ column: Int) {
        columns.remove(at: column)
        titles.remove(at: column)
        for row in rows.indices { rows[row].remove(at: column) }
        if column < widths.count { widths.remove(at: column) }
    }

    // MARK: Cells

    private mutating func shortenTimes(_ now: Timestamp) {
        for column in columns.indices {
            var isShort = false
            for row in rows.indices {
                guard let text = ShortTime.clock(rows[row][column], now: now) else { continue }
                rows[row][column] = text
                isShort = true
            }
            // The letter that says so is gone from each of them.
            if isShort { titles[column] += " UTC" }
        }
    }

    private mutating func shortenIDs() { rows = ShortID.shortened(rows) }

    // MARK: Widths

    private var fullWidths: [Int] {
        columns.indices.map { column in max(titles[column].count, rows.map { $0[column].count }.max() ?? 0) }
    }

    private func leastWidths(cutsNames: Bool) -> [Int] {
        zip(columns, widths).map { column, width in
            switch column.content {
            case .whole, .detail: width
            case .prose: min(width, Self.narrowest.prose)
            case .name: cutsNames ? min(width, Self.narrowest.name) : width
            }
        }
    }

    private func total(_ widths: [Int]) -> Int { widths.reduce(0, +) + Self.gap * (widths.count - 1) }

    private func isWider(than width: Int) -> Bool { total(fullWidths) > width }

    /// Gives the columns their last widths: sentences give way first, then names, and what is left over at last.
    private mutating func narrow(to width: Int) {
        for least in [leastWidths(cutsNames: false), leastWidths(cutsNames: true), columns.map { _ in 1 }] {
            var excess = total(widths) - width
            while excess > 0,
                let widest = widths.indices.filter({ widths[$0] > least[$0] }).max(by: {
                    widths[$0] < widths[$1]
                })
            {
                widths[widest] -= 1
                excess -= 1
            }
        }
        for column in columns.indices { cut(column) }
    }

    private mutating func cut(_ column: Int) {
        let width = widths[column]
        titles[column] = Self.cut(titles[column], to: width, head: width - 1)
        // Sentences are broken into lines where they are drawn.
        guard columns[column].content != .prose, rows.contains(where: { $0[column].count > width }) else { return }
        let head = columns[column].content == .name ? Self.head(of: rows.map { $0[column] }, width) : width - 1
        for row in rows.indices { rows[row][column] = Self.cut(rows[row][column], to: width, head: head) }
    }

    /// Returns how much of the beginning of names to keep, such that as many as can be stay different; about half of
    /// the width, if it makes no difference.
    private static func head(of names: [String], _ width: Int) -> Int {
        let different = Set(names)
        let heads = (0..<width).sorted { (abs(2 * $0 - width), $0) < (abs(2 * $1 - width), $1) }
        let kept = heads.map { head in (head, Set(different.map { cut($0, to: width, head: head) }).count) }
        return kept.first { $0.1 == kept.map(\.1).max() }?.0 ?? 0
    }

    private static func cut(_ text: String, to width: Int, head: Int) -> String {
        text.count <= width ? text : text.prefix(head) + "…" + text.suffix(width - 1 - head)
    }
}
