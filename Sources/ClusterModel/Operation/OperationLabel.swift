/// A name with a value that a caller gives to an operation, to find it by, such as `release=42`.
public struct OperationLabel: TextValue {
    /// The longest name.
    public static let longestName = 63
    /// The most characters of a value.
    public static let longestValue = 128

    /// The name, of which an operation has one at most.
    public let name: String
    /// The value, which may be empty.
    public let value: String

    /// Parses `NAME=VALUE`.
    ///
    /// A name has letters, digits, dots, underscores, slashes and dashes, and begins with a letter or a digit; a value
    /// is any text of a line.
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Self.refusal(of: text) }
        try self.init(name: String(parts[0]), value: String(parts[1]))
    }

    /// Checks a name and a value.
    ///
    /// - Throws: `ValueError` for what `init(_:)` refuses.
    public init(name: String, value: String) throws(ValueError) {
        let bytes = name.utf8
        let isName = bytes.allSatisfy { Self.isLetterOrDigit($0) || "._/-".utf8.contains($0) }
        guard (1...Self.longestName).contains(bytes.count), isName,
            bytes.first.map(Self.isLetterOrDigit) == true,
            value.unicodeScalars.count <= Self.longestValue,
            !value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { throw Self.refusal(of: "\(name)=\(value)") }
        self.name = name
        self.value = value
    }

    /// The label as it was given.
    public var description: String { "\(name)=\(value)" }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        byte.isASCIILowercase || byte.isASCIIDigit || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func refusal(of text: String) -> ValueError {
        ValueError(
            "label",
            found: text,
            expected: "NAME=VALUE: a name of at most \(longestName) letters, digits, dots, underscores, slashes and "
                + "dashes, and a value of at most \(longestValue) characters"
        )
    }
}
