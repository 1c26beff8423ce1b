/// The contents of a terminal, cell by cell, and the way there from what it showed before; pure.
struct Screen: Equatable {
    /// The appearance of a cell, by the parameters that a terminal takes for it.
    enum Look: String {
        case plain = "0"
        case bold = "0;1"
        case red = "0;31"
        case green = "0;32"
        case yellow = "0;33"
        case reverse = "0;7"
    }

    private struct Cell: Equatable {
        static let blank = Cell(scalar: " ", look: .plain)

        var scalar: Unicode.Scalar
        var look: Look
    }

    /// Columns and rows: no terminal is larger, and a size that is nonsense costs no memory.
    private static let largest = 500
    /// Equal cells that are drawn again rather than jumped over: a jump is about as many bytes.
    private static let shortestJump = 8

    let columns: Int
    let rows: Int
    private var cells: [Cell]

    /// A blank screen.
    init(columns: Int, rows: Int) {
        self.columns = max(1, min(columns, Self.largest))
        self.rows = max(1, min(rows, Self.largest))
        cells = Array(repeating: .blank, count: self.columns * self.rows)
    }

    /// Writes a row from its beginning; what does not fit is left out, and said so by an ellipsis.
    mutating func put(_ text: String, row: Int, look: Look = .plain) {
        guard (0..<rows).contains(row) else { return }
        let scalars = Self.narrow(text, longest: columns)
        for (index, scalar) in scalars.prefix(columns).enumerated() {
            let isCut = index == columns - 1 && scalars.count > columns
            cells[row * columns + index] = Cell(scalar: isCut ? "…" : scalar, look: look)
        }
    }

    /// The rows as text, without the spaces at their ends.
    var text: String {
        (0..<rows).map { row in
            var line = String(String.UnicodeScalarView(cells[row * columns..<(row + 1) * columns].map(\.scalar)))
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// Scalars that fill one cell each on every terminal, one more than fit at most; others are shown as a question
    /// mark.
    private static func narrow(_ text: String, longest: Int) -> [Unicode.Scalar] {
        text.unicodeScalars.prefix(longest + 1).map { scalar in
            switch scalar {
            case " "..."~", "\u{a1}"..."\u{ac}", "\u{ae}"..."\u{2ff}", "…", "·": scalar
            default: "?"
            }
        }
    }

    // MARK: From one screen to the next

    /// The bytes that turn `shown` into this screen; empty when they are the same.
    ///
    /// Only what differs is sent, between the marks of a synchronized update, which a terminal that does not know
    /// them ignores.
    func update(from shown: Screen?, colours: Bool) -> String {
        let isWhole = shown?.columns != columns || shown?.rows != rows
        let before = isWhole ? Screen(columns: columns, rows: rows).cells : (shown?.cells ?? [])
        var pen = Pen(colours: colours)
        if isWhole { pen.bytes += "\u{1b}[0m\u{1b}[2J" }
        for row in 0..<rows {
            let range = row * columns..<(row + 1) * columns
            draw(Array(cells[range]), over: Array(before[range]), row: row, with: &pen)
        }
        if pen.bytes.isEmpty { return "" }
        pen.use(.plain)
        return "\u{1b}[?2026h" + pen.bytes + "\u{1b}[?2026l"
    }

    private func draw(_ line: [Cell], over old: [Cell], row: Int, with pen: inout Pen) {
        // Blanks up to the end of the row are one command.
        let filled = (line.lastIndex { $0 != .blank } ?? -1) + 1
        var column = 0
        while let start = (column..<max(column, filled)).first(where: { line[$0] != old[$0] }) {
            var end = start + 1
            var next = end
            while next < filled, next - end < Self.shortestJump {
                if line[next] != old[next] { end = next + 1 }
                next += 1
            }
            pen.move(row: row, column: start)
            for cell in line[start..<end] { pen.write(cell.scalar, cell.look) }
            column = end
        }
        if old[filled...].contains(where: { $0 != .blank }) {
            pen.move(row: row, column: filled)
            pen.use(.plain)
            pen.bytes += "\u{1b}[K"
        }
    }

    /// Writes cells, and what makes them look so only where it changes.
    private struct Pen {
        let colours: Bool
        var bytes = ""
        private var look: Look? = .plain

        init(colours: Bool) {
            self.colours = colours
        }

        mutating func move(row: Int, column: Int) {
            bytes += "\u{1b}[\(row + 1);\(column + 1)H"
        }

        mutating func use(_ wanted: Look) {
            guard colours, wanted != look else { return }
            bytes += "\u{1b}[\(wanted.rawValue)m"
            look = wanted
        }

        mutating func write(_ scalar: Unicode.Scalar, _ wanted: Look) {
            use(wanted)
            bytes.unicodeScalars.append(scalar)
        }
    }
}
