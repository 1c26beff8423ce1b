import ClusterModel
import ClusterReports

extension Printable {
    /// Writes what a program printed such that its lines stay lines and nothing of it drives a terminal; bytes that are
    /// no UTF-8 are written as `\x` with two digits.
    static func lines(_ bytes: [UInt8]) -> String {
        var result = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            result += escaped(line)
            rest = rest[line.endIndex...]
            if rest.first != nil {
                result += "\n"
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private static func escaped(_ line: ArraySlice<UInt8>) -> String {
        if let text = String(validating: line, as: UTF8.self) { return cells(text) }
        var result = ""
        var rest = line
        while let first = rest.first {
            let here = rest
            let character = (1...4).lazy.compactMap { String(validating: here.prefix($0), as: UTF8.self) }.first
            if let character {
                result += cells(character)
                rest = rest.dropFirst(character.utf8.count)
            } else {
                result += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// A tab moves nothing but the cursor of its line.
    private static func cells(_ text: String) -> String {
        text.split(separator: "\t", omittingEmptySubsequences: false)
            .map { escaped(String($0)) }.joined(separator: "\t")
    }
}

/// The output of commands as text: pieces of several streams, each behind a line that says whose it is, as tail(1) does
/// for several files; pure.
struct PrintedText {
    private struct Source: Hashable {
        let delivery: Int
        let task: String
        let stream: String
    }

    private var source: Source?
    /// The byte with which each goes on.
    private var next: [Source: Int] = [:]
    private var isInLine = false

    /// The text of a piece.
    mutating func text(of piece: OutputView) -> String {
        var text = ""
        let own = Source(
            delivery: piece.delivery,
            task: piece.task.map { "\($0)" } ?? TextTable.unknown,
            stream: piece.stream.rawValue
        )
        // What is not kept is named: between pieces of a stream, and before its first one.
        let isTorn = piece.firstByte > next[own] ?? 0
        if own != source || isTorn {
            text += endOfLine()
            let lost = isTorn ? ", from byte \(piece.firstByte)" : ""
            text += "==> attempt \(own.delivery): \(Printable.escaped(own.task)) \(own.stream)\(lost) <==\n"
        }
        text += Printable.lines(piece.bytes)
        (source, next[own]) = (own, piece.firstByte + piece.bytes.count)
        isInLine = piece.bytes.last.map { $0 != UInt8(ascii: "\n") } ?? isInLine
        return text
    }

    /// Ends a line that the output has left open.
    mutating func endOfLine() -> String {
        defer { isInLine = false }
        return isInLine ? "\n" : ""
    }
}

extension OperationLogView: ScriptAnswer {
    var script: String {
        var printed = PrintedText()
        return items.map { printed.text(of: $0) }.joined() + printed.endOfLine()
    }
}
