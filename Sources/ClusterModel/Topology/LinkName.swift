/// The name of a network device of the kernel, such as `eth0`.
package struct LinkName: TextValue {
    /// The kernel's IFNAMSIZ less the final NUL.
    package static let longest = 15

    /// The name as it was given; the kernel tells upper case from lower.
    package let description: String

    /// Parses 1 to 15 letters, digits, `_`, `.` and `-`.
    ///
    /// The kernel takes more than that; the rest is refused because names are handed to `ip`, `bridge` and `nft`.
    ///
    /// - Throws: `ValueError` for anything else, for `.` and `..`, and for a dash in front, which would read as an
    ///   option.
    package init(_ text: String) throws(ValueError) {
        let bytes = text.utf8
        guard (1...Self.longest).contains(bytes.count), bytes.allSatisfy(Self.isAllowed),
            bytes.first != UInt8(ascii: "-"), text != ".", text != ".."
        else {
            throw ValueError(
                "network device",
                found: text,
                expected: "1 to 15 letters, digits, underscores, dots and dashes, with no dash first"
            )
        }
        description = text
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte.isASCIILowercase || byte.isASCIIUppercase || byte.isASCIIDigit || "_.-".utf8.contains(byte)
    }
}
