import Logging

/// Writes a record as one JSON object.
///
/// Not with `JSONEncoder`, which neither keeps the time in front nor escapes what a terminal would obey.
enum JSONLogLine {
    /// The keys that every line has; metadata of the same name gets an underscore in front, so that no key comes twice
    /// and no value from outside stands in for the level or the message.
    private static let ownKeys = ["time", "level", "label", "message"]

    /// Room for a line as most are, so that few grow piece by piece.
    private static let usualLength = 512

    static func line(_ record: LogRecord) -> String {
        var line = ""
        line.reserveCapacity(usualLength)
        line += #"{"time":"\#(record.time)","level":"\#(record.level)","label":"#
        append(record.label, to: &line)
        line += #","message":"#
        append(record.message, to: &line)
        for (key, value) in record.fields {
            var name = key
            while ownKeys.contains(name) || (name != key && record.fields.contains { $0.key == name }) {
                name = "_" + name
            }
            line += ","
            append(name, to: &line)
            line += ":"
            append(value, to: &line)
        }
        return line + "}\n"
    }

    private static func append(_ value: Logger.Metadata.Value, to line: inout String) {
        switch value {
        case .string(let text): append(text, to: &line)
        case .stringConvertible(let value): append(scalar: value, to: &line)
        case .array(let values):
            line += "["
            for (index, value) in values.enumerated() {
                if index > 0 { line += "," }
                append(value, to: &line)
            }
            line += "]"
        case .dictionary(let values):
            line += "{"
            for (index, (key, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { line += "," }
                append(key, to: &line)
                line += ":"
                append(value, to: &line)
            }
            line += "}"
        }
    }

    /// Numbers stay numbers, so that whoever reads the log can add and compare them.
    private static func append(scalar value: any CustomStringConvertible & Sendable, to line: inout String) {
        switch value {
        // Most are one of these two, and to look for a protocol takes longer.
        case let number as Int: line += number.description
        case let number as Double where number.isFinite: line += number.description
        case let number as any BinaryInteger: line += "\(number)"
        case let flag as Bool: line += "\(flag)"
        default: append("\(value)", to: &line)
        }
    }

    private static func append(_ text: String, to line: inout String) {
        line += "\""
        LogText.append(text, to: &line, escape: escape)
        line += "\""
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\"": #"\""#
        case "\\": #"\\"#
        case "\n": #"\n"#
        case "\r": #"\r"#
        case "\t": #"\t"#
        default: LogText.isVisible(scalar) ? nil : String(scalar).utf16.map(escape).joined()
        }
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
