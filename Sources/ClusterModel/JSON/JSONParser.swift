/// Reads JSON text by the grammar of RFC 8259, in one pass and without recursion; pure.
///
/// Written by hand because `JSONDecoder` rounds numbers, takes one of two equal keys without a word, and cannot be
/// told a depth; see docs/decisions/json.md.
struct JSONParser {
    /// An array or object that has not ended.
    private struct Open {
        let isObject: Bool
        var elements: [JSONValue] = []
        var members: [String: JSONValue] = [:]
        /// The key whose value comes next.
        var key = ""

        var value: JSONValue { isObject ? .object(members) : .array(elements) }
    }

    private let bytes: [UInt8]
    private let levels: Int
    private var position = 0
    private var open: [Open] = []

    static func parse(_ bytes: [UInt8], limits: JSONLimits) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.bytes else {
            throw JSONError(code: .tooLong, reason: "\(bytes.count) bytes, at most \(limits.bytes) are taken")
        }
        var parser = JSONParser(bytes: bytes, levels: limits.levels)
        return try parser.document()
    }

    private init(bytes: [UInt8], levels: Int) {
        self.bytes = bytes
        self.levels = levels
    }

    // MARK: Structure

    private mutating func document() throws(JSONError) -> JSONValue {
        while true {
            guard let value = try begin() else { continue }
            guard let document = try end(value) else { continue }
            skipBlanks()
            guard position == bytes.count else { throw malformed() }
            return document
        }
    }

    /// Reads a value, or the beginning of one that is not empty: then nil.
    private mutating func begin() throws(JSONError) -> JSONValue? {
        switch try next() {
        case UInt8(ascii: "["): return try openContainer(isObject: false, closing: "]")
        case UInt8(ascii: "{"):
            if let empty = try openContainer(isObject: true, closing: "}") { return empty }
            try key()
            return nil
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw malformed()
        }
    }

    /// Puts a value where it belongs, and ends whatever ends with it.
    ///
    /// - Returns: The whole document, or nil when another value has to follow.
    private mutating func end(_ value: JSONValue) throws(JSONError) -> JSONValue? {
        var value = value
        while let innermost = open.indices.last {
            let isObject = open[innermost].isObject
            if isObject {
                let key = open[innermost].key
                guard open[innermost].members.updateValue(value, forKey: key) == nil else {
                    let reason = "the key \"\(ValueError.quotable(key))\" stands twice in one object"
                    throw JSONError(code: .repeatedKey, reason: reason)
                }
            } else {
                open[innermost].elements.append(value)
            }
            switch try next() {
            case UInt8(ascii: ","):
                position += 1
                if isObject { try key() }
                return nil
            case UInt8(ascii: isObject ? "}" : "]"):
                position += 1
                value = open.removeLast().value
            default: throw malformed()
            }
        }
        return value
    }

    private mutating func openContainer(
        isObject: Bool,
        closing: Unicode.Scalar
    ) throws(JSONError) -> JSONValue? {
        guard open.count < levels else {
            throw JSONError(code: .tooDeep, reason: "nested more than \(levels) levels deep")
        }
        position += 1
        let container = Open(isObject: isObject)
        if try next() == UInt8(ascii: closing) {
            position += 1
            return container.value
        }
        open.append(container)
        return nil
    }

    private mutating func key() throws(JSONError) {
        guard try next() == UInt8(ascii: "\"") else { throw malformed() }
        open[open.count - 1].key = try string()
        guard try next() == UInt8(ascii: ":") else { throw malformed() }
        position += 1
    }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// The next byte that is no blank; it is not passed.
    private mutating func next() throws(JSONError) -> UInt8 {
        skipBlanks()
        return try byte()
    }

    private func byte() throws(JSONError) -> UInt8 {
        guard position < bytes.count else {
            throw JSONError(code: .unfinished, reason: "not JSON: it ends before the document does")
        }
        return bytes[position]
    }

    private func malformed() -> JSONError {
        JSONError(code: .malformed, reason: "not JSON, from byte \(position + 1) on")
    }

    // MARK: Scalars

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for expected in text.utf8 {
            guard try byte() == expected else { throw malformed() }
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        var scanner = NumberScanner(bytes, from: position)
        let isNumber = scanner.scan()
        let start = position
        position = scanner.position
        guard isNumber else {
            _ = try byte()
            throw malformed()
        }
        let literal = String(decoding: bytes[start..<position], as: UTF8.self)
        let value = scanner.isWhole ? JSONValue.literal(literal) : nil
        return value ?? .number(JSONNumber(scanned: literal))
    }

    /// Reads a string whose opening quote is next.
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while true {
            switch try byte() {
            case UInt8(ascii: "\""):
                let text = try decoded(bytes[start..<position])
                position += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw malformed()
            default: position += 1
            }
        }
    }

    /// Goes on with a string at its first backslash.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while true {
            let byte = try byte()
            switch byte {
            case UInt8(ascii: "\""):
                let string = try decoded(text[...])
                position += 1
                return string
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &text)
            case 0..<0x20: throw malformed()
            default:
                text.append(byte)
                position += 1
            }
        }
    }

    private func decoded(_ bytes: ArraySlice<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed() }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let byte = try byte()
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try escapedScalar()).utf8)
        default:
            position -= 1
            throw malformed()
        }
    }

    /// Reads the digits of `\u`, and those of the other half where it is the first of a pair.
    private mutating func escapedScalar() throws(JSONError) -> Character {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(UInt32(first)) { return Character(scalar) }
        guard UTF16.isLeadSurrogate(first) else { throw malformed() }
        for expected in "\\u".utf8 {
            guard try byte() == expected else { throw malformed() }
            position += 1
        }
        let second = try fourDigits()
        guard UTF16.isTrailSurrogate(second) else { throw malformed() }
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        guard let scalar = Unicode.Scalar(value) else { throw malformed() }
        return Character(scalar)
    }

    private mutating func fourDigits() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(try byte())).hexDigitValue else { throw malformed() }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
