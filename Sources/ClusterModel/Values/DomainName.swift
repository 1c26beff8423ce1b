/// A DNS domain such as `guests.example.internal`: dotted labels of letters, digits and dashes, in lower case.
public struct DomainName: TextValue {
    /// The longest name that people can write without the final dot (RFC 1035, 2.3.4).
    public static let longest = 253

    /// The name in lower case, without a final dot.
    public let description: String

    /// Parses a name of at most 253 characters; upper case is folded.
    ///
    /// - Throws: `ValueError` for anything else, and for a name whose last label is all digits, because resolvers take
    ///   such a name for an address.
    public init(_ text: String) throws(ValueError) {
        let expected = "labels of letters, digits and dashes between dots, at most 253 characters, the last no number"
        guard (1...Self.longest).contains(text.utf8.count) else {
            throw ValueError("domain name", found: text, expected: expected)
        }
        let name = DNSLabel.lowercased(text)
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy({ DNSLabel.isLowercaseLabel($0) }),
            labels.last?.allSatisfy(\.isASCIIDigit) == false
        else {
            throw ValueError("domain name", found: text, expected: expected)
        }
        description = name
    }
}
