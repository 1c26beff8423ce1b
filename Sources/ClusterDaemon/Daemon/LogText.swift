/// The rules that keep text from outside harmless in a log.
///
/// A line of the log is one line of the file whatever was logged, and printing it to a terminal does nothing but show
/// it.
enum LogText {
    /// The greatest number of characters that one value keeps.
    ///
    /// It holds the tail of a command's output or a statement with its error, and keeps a line well below the 48 KiB at
    /// which journald would cut it in two.
    static let longestValue = 4096

    /// Returns whether a character shows as itself: not a control character, nor one that is invisible or changes how
    /// others are shown, such as a change of writing direction.
    static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (" "..."~").contains(scalar) }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: return false
        default: return true
        }
    }

    /// Returns whether no format of the log replaces a character that is this byte alone.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): false
        case UInt8(ascii: " ")...UInt8(ascii: "~"): true
        default: false
        }
    }

    /// Appends text with some of its characters replaced, cut at `longestValue` with an ellipsis.
    ///
    /// - Parameters:
    ///   - text: what to append.
    ///   - line: what to append it to.
    ///   - escape: gives what stands for a character, or nil where the character may stand itself, as all visible ASCII
    ///     but quotation marks and backslashes does.
    static func append(_ text: String, to line: inout String, escape: (Unicode.Scalar) -> String?) {
        // Most text is short and needs no change.
        if text.utf8.count <= longestValue, text.utf8.allSatisfy(isPlain) { return line.append(text) }
        var room = longestValue
        for scalar in text.unicodeScalars {
            guard room > 0 else {
                line.append("…")
                return
            }
            room -= 1
            if let escaped = escape(scalar) {
                line.append(escaped)
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
    }
}
