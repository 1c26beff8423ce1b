/// Text that does not parse as the kind of value it was given for.
///
/// The offending text is kept in a form that is safe to print to a terminal or a log: escaped and truncated.
public struct ValueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// At most this many characters of the offending text are kept: enough to recognise it, and one log line at most.
    public static let longestQuotation = 80

    /// The kind of value that was being read, such as `node name`.
    public let kind: String

    /// The offending text, escaped, and cut after 80 characters with an ellipsis.
    public let found: String

    /// A description of what would have been right, as a noun phrase that follows "expected".
    public let expected: String

    /// Describes a refusal.
    ///
    /// - Parameters:
    ///   - kind: what was being read, such as `node name`.
    ///   - text: the offending text as it came; it is escaped and truncated here.
    ///   - expected: what would have been right, as a noun phrase that follows "expected".
    public init(_ kind: String, found text: String, expected: String) {
        self.kind = kind
        self.found = Self.quotable(text)
        self.expected = expected
    }

    /// One line that names the kind of value, what is expected and what was found.
    public var description: String {
        "\(kind): \(reason)"
    }

    /// The line without the kind, for messages that have already named the thing.
    public var reason: String {
        "expected \(expected), found \"\(found)\""
    }

    /// The text with quotes, backslashes and everything invisible written as escapes, so that it cannot forge a log
    /// line or drive a terminal.
    package static func quotable(_ text: String) -> String {
        var quoted = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let piece = escaped(scalar)
            count += piece.unicodeScalars.count
            guard count <= longestQuotation else { return quoted + "…" }
            quoted += piece
        }
        return quoted
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"", "\\":
            return "\\\(scalar)"
        case " "..."~":
            return String(scalar)
        default:
            break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse, .unassigned,
            .surrogate:
            return "\\u{\(String(scalar.value, radix: 16))}"
        default:
            return String(scalar)
        }
    }
}
