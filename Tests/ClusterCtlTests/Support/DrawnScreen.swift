/// The screen of a terminal that knows the few sequences which `clusterctl` sends; whatever else comes is kept as
/// unknown.
struct DrawnScreen: Sendable {
    private(set) var columns: Int
    private(set) var rows: Int
    private(set) var unknown: [String] = []
    /// Private modes that are on, such as 1049 for the other screen.
    private(set) var modes: Set<Int> = [25, 7]
    private(set) var coloured = 0
    /// Synchronized updates that are complete.
    private(set) var frames = 0
    private var cells: [[Character]]
    private var place = (row: 0, column: 0)
    private var sequence: [UInt8]?
    private var bytes: [UInt8] = []

    init(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        cells = Self.blank(columns, rows)
    }

    mutating func resize(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        cells = Self.blank(columns, rows)
    }

    private static func blank(_ columns: Int, _ rows: Int) -> [[Character]] {
        Array(repeating: Array(repeating: " ", count: columns), count: rows)
    }

    /// The rows, without the spaces at their ends.
    var text: String {
        cells.map { row in
            var line = String(row)
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    mutating func take(_ received: some Sequence<UInt8>) {
        for byte in received {
            if byte == 0x18 {
                // What was begun is cancelled.
                (sequence, bytes) = (nil, [])
            } else if var so = sequence {
                so.append(byte)
                sequence = so
                if so.count > 1, (0x40...0x7e).contains(byte) {
                    obey(so)
                    sequence = nil
                }
            } else if byte == 0x1b {
                sequence = []
            } else if byte == 0x0d {
                place.column = 0
            } else if byte == 0x0a {
                place.row = min(rows - 1, place.row + 1)
            } else {
                bytes.append(byte)
                guard let text = String(validating: bytes, as: UTF8.self) else { continue }
                bytes = []
                for character in text { put(character) }
            }
        }
    }

    private mutating func put(_ character: Character) {
        guard place.row < rows, place.column < columns, character >= " " else {
            return unknown.append("'\(character)' at \(place)")
        }
        cells[place.row][place.column] = character
        place.column += 1
    }

    private mutating func obey(_ sequence: [UInt8]) {
        let text = String(decoding: sequence, as: UTF8.self)
        let numbers = text.dropFirst().dropLast().split(separator: ";").compactMap { Int($0) }
        switch (text.first, text.last) {
        case ("[", "H"): place = (numbers[0] - 1, numbers[1] - 1)
        case ("[", "K") where numbers.isEmpty:
            for column in place.column..<max(place.column, columns) { cells[place.row][column] = " " }
        case ("[", "J") where numbers == [2]: cells = Self.blank(columns, rows)
        case ("[", "m"): if numbers != [0] { coloured += 1 }
        case ("[", "h"), ("[", "l"):
            guard text.hasPrefix("[?"), let mode = Int(text.dropFirst(2).dropLast()) else {
                return unknown.append(text)
            }
            if text.last == "h" { modes.insert(mode) } else { modes.remove(mode) }
            // Each of the two screens begins blank.
            if mode == 1049 { cells = Self.blank(columns, rows) }
            if mode == 2026, text.last == "l" { frames += 1 }
        default: unknown.append(text)
        }
    }
}
