/// A guest's host name: one label of letters, digits and dashes, in lower case.
///
/// The grammar leaves no room for a comma, a newline or a `#`, which would end a record in dnsmasq's files.
public struct HostName: TextValue {
    /// The name in lower case.
    public let description: String

    /// Parses one label of 1 to 63 characters; upper case is folded, as DNS does.
    ///
    /// - Throws: `ValueError` for anything else, a dotted name included.
    public init(_ text: String) throws(ValueError) {
        guard text.utf8.count <= DNSLabel.longest, DNSLabel.isLowercaseLabel(DNSLabel.lowercased(text).utf8) else {
            throw ValueError(
                "host name",
                found: text,
                expected: "1 to 63 letters, digits and dashes, with no dash first or last and no dot"
            )
        }
        description = DNSLabel.lowercased(text)
    }
}
