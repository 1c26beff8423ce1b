/// The name of a node of the cluster: a lower-case RFC 1123 label that no queue name can be mistaken for.
public struct NodeName: TextValue {
    /// The name as it was given; there is one spelling only.
    public let description: String

    /// Parses a lower-case label of 1 to 63 characters.
    ///
    /// Upper case is refused rather than folded, because the name is also a key in files and commands that do not fold.
    ///
    /// - Throws: `ValueError` for anything else, and for `any`, `networknode` and names that end in `-network`, which
    ///   queue names use.
    public init(_ text: String) throws(ValueError) {
        guard DNSLabel.isLowercaseLabel(text.utf8) else {
            throw ValueError("node name", found: text, expected: NetworkName.grammar)
        }
        guard text != "any", text != "networknode", !text.hasSuffix("-network") else {
            throw ValueError(
                "node name",
                found: text,
                expected: "a name other than any and networknode that does not end in -network (queue names use these)"
            )
        }
        description = text
    }
}
