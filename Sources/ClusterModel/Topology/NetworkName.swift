/// The name of a guest network: a lower-case RFC 1123 label.
public struct NetworkName: TextValue {
    package static let grammar = "1 to 63 lower-case letters, digits and dashes, with no dash first or last"

    /// The name as it was given; there is one spelling only.
    public let description: String

    /// Parses a lower-case label of 1 to 63 characters; upper case is refused rather than folded.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        guard DNSLabel.isLowercaseLabel(text.utf8) else {
            throw ValueError("network name", found: text, expected: Self.grammar)
        }
        description = text
    }
}
