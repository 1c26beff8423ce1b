/// A value that people write as text: it parses once, in its initialiser, and prints back canonically.
///
/// `description` is the canonical form. It parses again to an equal value, and it is what `Codable` reads and writes
/// unless the type says otherwise.
public protocol TextValue: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// Parses the text strictly: no surrounding white space, no alternative spellings beyond those that the type names.
    ///
    /// - Throws: `ValueError` that names the kind of value, what was found and what is expected.
    init(_ text: String) throws(ValueError)
}

extension TextValue {
    /// Orders by canonical text, which is right wherever the text has no numbers in it.
    public static func < (left: Self, right: Self) -> Bool {
        left.description < right.description
    }

    /// Decodes one string and parses it; text that does not parse is `DecodingError.dataCorrupted`.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do throws(ValueError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(error, at: decoder.codingPath)
        }
    }

    /// Encodes the canonical text as one string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension DecodingError {
    /// A value that was there and readable, and broke the rules of its type.
    package static func dataCorrupted(_ error: ValueError, at path: [any CodingKey]) -> DecodingError {
        .dataCorrupted(Context(codingPath: path, debugDescription: error.description, underlyingError: error))
    }
}
