/// The messages to people, on stderr: one line each, with the program's name in front.
enum Talk {
    /// Scalars of one line: a message may quote what somebody typed, which may be anything.
    private static let longestLine = 2000

    static func say(_ message: String) {
        write("clusterctl: \(Printable.escaped(message, longest: longestLine))\n")
    }

    /// Shows how far something is, in place of what was shown before; nothing clears it.
    static func progress(_ message: String) {
        write("\r\u{1b}[K\(Printable.escaped(message, longest: longestLine))")
    }

    /// Asks a question that is answered on the same line.
    static func ask(_ question: String) {
        write("\(Printable.escaped(question, longest: longestLine)) [y/N] ")
    }

    private static func write(_ text: String) {
        // Nobody is left to be told that stderr is closed.
        _ = Descriptor.talk.write(text)
    }
}

/// Text made safe for a terminal.
enum Printable {
    /// Writes everything invisible as an escape, so that a value can neither forge a line nor drive a terminal.
    static func escaped(_ text: String, longest: Int = .max) -> String {
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < longest else { return result + "…" }
            switch scalar {
            case " "..."~": result.unicodeScalars.append(scalar)
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default:
                if isInvisible(scalar) {
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: true
        default: false
        }
    }
}
