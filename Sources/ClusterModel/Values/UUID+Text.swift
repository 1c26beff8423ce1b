import FoundationEssentials

/// The form 8-4-4-4-12, written and read by hand.
///
/// Foundation's goes through `snprintf` and `sscanf`, and upper case: each operation has it made and read some ten
/// times between its claim and its end.
extension UUID {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let hyphen = UInt8(ascii: "-")

    /// A Boolean value that indicates whether a hyphen stands before a byte.
    private static func isHyphen(before byte: Int) -> Bool { byte == 4 || byte == 6 || byte == 8 || byte == 10 }

    /// The text in lower case.
    var text: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var length = 0
            func append(_ byte: UInt8) {
                text[length] = byte
                length += 1
            }
            withUnsafeBytes(of: uuid) { bytes in
                for (index, byte) in bytes.enumerated() {
                    if Self.isHyphen(before: index) { append(Self.hyphen) }
                    append(Self.digits[Int(byte >> 4)])
                    append(Self.digits[Int(byte & 15)])
                }
            }
            return length
        }
    }

    /// Parses the text in either case; nil for anything else.
    init?(text: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        var rest = text.utf8.makeIterator()
        for index in 0..<16 {
            if Self.isHyphen(before: index), rest.next() != Self.hyphen { return nil }
            guard let high = rest.next().flatMap(Self.value(ofDigit:)),
                let low = rest.next().flatMap(Self.value(ofDigit:))
            else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        guard rest.next() == nil else { return nil }
        self.init(
            uuid: (
                bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
                bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]
            )
        )
    }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
