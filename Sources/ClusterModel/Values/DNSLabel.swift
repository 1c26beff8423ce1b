/// One label of a DNS name after RFC 1123: letters, digits and dashes, neither first nor last a dash, 1 to 63 bytes.
enum DNSLabel {
    /// The longest label that DNS carries (RFC 1035, 2.3.4).
    static let longest = 63

    /// Returns whether the bytes are a label, with no letter in upper case.
    static func isLowercaseLabel(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard (1...longest).contains(bytes.count), bytes.first != dash, bytes.last != dash else { return false }
        return bytes.allSatisfy { $0.isASCIILowercase || $0.isASCIIDigit || $0 == dash }
    }

    /// The text with ASCII letters in lower case and every other byte as it is, so that no other script folds into one.
    static func lowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { $0.isASCIIUppercase ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static let dash = UInt8(ascii: "-")
}
