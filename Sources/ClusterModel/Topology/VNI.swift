/// A VXLAN network identifier: 24 bits, not zero.
///
/// Codable as a number.
package struct VNI: TextValue {
    /// All identifiers that VXLAN can carry, without zero, which some devices take for "none".
    package static let range = 1...16_777_215

    /// The identifier, 1 to 16777215.
    package let rawValue: Int

    /// Takes a number from 1 to 16777215.
    ///
    /// - Throws: `ValueError` for any other number.
    package init(_ number: Int) throws(ValueError) {
        guard Self.range.contains(number) else { throw Self.refusal(String(number)) }
        rawValue = number
    }

    /// Parses a number from 1 to 16777215, in decimal digits without leading zeros.
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
    package static func < (left: VNI, right: VNI) -> Bool { left.rawValue < right.rawValue }

    private static func refusal(_ found: String) -> ValueError {
        ValueError("VNI", found: found, expected: "a whole number from 1 to 16777215")
    }
}
