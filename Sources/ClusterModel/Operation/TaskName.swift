/// The name of a task, such as `network_ensure_mesh`.
public struct TaskName: TextValue {
    /// The longest name.
    public static let longest = 63

    /// The name as it was given; there is one spelling only.
    public let description: String

    /// Parses a lower-case letter and up to 62 lower-case letters, digits and underscores.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        let bytes = text.utf8
        guard (1...Self.longest).contains(bytes.count), bytes.first?.isASCIILowercase == true,
            bytes.allSatisfy({ $0.isASCIILowercase || $0.isASCIIDigit || $0 == UInt8(ascii: "_") })
        else {
            throw ValueError(
                "task name",
                found: text,
                expected: "a lower-case letter, then at most 62 lower-case letters, digits and underscores"
            )
        }
        description = text
    }
}
