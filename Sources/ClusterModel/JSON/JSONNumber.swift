/// A number of a JSON document, kept as it was written: no number is rounded on its way through.
public struct JSONNumber: Sendable, Hashable {
    /// The number's text.
    public let literal: String

    /// Takes a literal of RFC 8259; nil for any other text.
    public init?(_ literal: String) {
        var scanner = NumberScanner(Array(literal.utf8))
        guard scanner.scan(), scanner.isAtEnd else { return nil }
        self.literal = literal
    }

    /// Takes what a scanner has passed.
    init(scanned literal: String) {
        self.literal = literal
    }

    /// The floating-point number next to it; infinite for one that is too large.
    public var nearest: Double { Double(literal) ?? .nan }
}

/// Walks over a number by the grammar of RFC 8259; pure.
struct NumberScanner {
    private let bytes: [UInt8]
    private(set) var position: Int
    /// A Boolean value that indicates whether it has neither a fraction nor an exponent.
    private(set) var isWhole = true

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position == bytes.count }

    /// Walks to the end of the number.
    ///
    /// - Returns: Whether there was one; if not, `position` is where it ceased to be one.
    mutating func scan() -> Bool {
        skip("-")
        if !skip("0"), !skipDigits() { return false }
        if skip(".") {
            isWhole = false
            if !skipDigits() { return false }
        }
        if skip("e") || skip("E") {
            isWhole = false
            if !skip("+") { skip("-") }
            if !skipDigits() { return false }
        }
        return true
    }

    @discardableResult
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while position < bytes.count, bytes[position].isASCIIDigit { position += 1 }
        return position > start
    }
}
