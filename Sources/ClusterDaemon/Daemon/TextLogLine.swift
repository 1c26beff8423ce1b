import Logging

/// Writes a record for people: time, level, message, and the metadata as `key=value`.
enum TextLogLine {
    /// The width of the longest level, so that the messages stand in a column.
    private static let levelWidth = 8

    static func line(_ record: LogRecord) -> String {
        let level = "\(record.level)"
        var line = "\(record.time) \(level)" + String(repeating: " ", count: levelWidth - level.count + 1)
        LogText.append(record.message, to: &line, escape: escapeInvisible)
        for (key, value) in record.fields {
            line += " "
            LogText.append(key, to: &line, escape: escapeInvisible)
            line += "="
            append("\(value)", to: &line)
        }
        return line + "\n"
    }

    /// Quoted where it would otherwise be unclear where the value ends.
    private static func append(_ value: String, to line: inout String) {
        let isBare = !value.isEmpty && value.unicodeScalars.allSatisfy { !#" "'=\"#.unicodeScalars.contains($0) }
        guard !isBare else { return LogText.append(value, to: &line, escape: escapeInvisible) }
        line += "\""
        LogText.append(value, to: &line) { scalar in
            scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : escapeInvisible(scalar)
        }
        line += "\""
    }

    private static func escapeInvisible(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\n": #"\n"#
        case "\r": #"\r"#
        case "\t": #"\t"#
        default: LogText.isVisible(scalar) ? nil : "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
