/// A whole number within a range.
///
/// Codable as a number.
package protocol BoundedNumber: TextValue {
    /// The name of the kind, for refusals.
    static var kind: String { get }

    /// All numbers that are one.
    static var range: ClosedRange<Int> { get }

    /// The number.
    var rawValue: Int { get }

    /// Takes a number of the range.
    init(inRange rawValue: Int)
}

extension BoundedNumber {
    /// Takes a number of the range.
    ///
    /// - Throws: `ValueError` for any other number.
    package init(_ number: Int) throws(ValueError) {
        guard Self.range.contains(number) else { throw Self.refusal(String(number)) }
        self.init(inRange: number)
    }

    /// Parses a number of the range, in decimal digits without leading zeros.
    ///
    /// - Throws: `ValueError` for anything else.
    package init(_ text: String) throws(ValueError) {
        guard let number = WholeNumber.parse(text.utf8, in: Self.range) else { throw Self.refusal(text) }
        self.init(inRange: number)
    }

    /// Decodes a number.
    package init(from decoder: any Decoder) throws {
        let number = try decoder.singleValueContainer().decode(Int.self)
        do throws(ValueError) {
            try self.init(number)
        } catch {
            throw DecodingError.dataCorrupted(error, at: decoder.codingPath)
        }
    }

    /// Encodes the number.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// The number in decimal digits.
    package var description: String { String(rawValue) }

    /// Orders by number.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    private static func refusal(_ found: String) -> ValueError {
        ValueError(
            kind,
            found: found,
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)"
        )
    }
}
