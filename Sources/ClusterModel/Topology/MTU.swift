/// The largest packet that a network carries, in bytes.
///
/// Codable as a number.
package struct MTU: TextValue {
    /// From what every IPv4 host must accept (RFC 791) to the jumbo frames that common switches carry.
    package static let range = 576...9216

    /// Bytes, 576 to 9216.
    package let rawValue: Int

    /// Takes a number from 576 to 9216.
    ///
    /// - Throws: `ValueError` for any other number.
    package init(_ number: Int) throws(ValueError) {
        guard Self.range.contains(number) else { throw Self.refusal(String(number)) }
        rawValue = number
    }

    /// Parses a number from 576 to 9216, in decimal digits without leading zeros.
    ///
    /// - Throws: `ValueError` for anything else.
    package init(_ text: String) throws(ValueError) {
        guard let number = WholeNumber.parse(text.utf8, in: Self.range) else { throw Self.refusal(text) }
        rawValue = number
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
    package static func < (left: MTU, right: MTU) -> Bool { left.rawValue < right.rawValue }

    private static func refusal(_ found: String) -> ValueError {
        ValueError("MTU", found: found, expected: "a whole number from 576 to 9216")
    }
}
