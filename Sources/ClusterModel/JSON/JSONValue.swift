import Foundation

/// Any JSON document, as a value: what callers give as parameters and commands give as results.
///
/// Two values are equal when they have the same content: neither the order of an object's keys nor blanks are
/// content. Numbers are the same when they are written the same, so that `1` and `1.0` differ. See
/// docs/decisions/json.md.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    /// A number that neither of the two above is written like, kept to the letter.
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads a document from its text.
    ///
    /// Takes time in proportion to the text, whatever it is, and no stack.
    /// - Throws: `JSONError` for what is no JSON, is beyond the limits, or has a key twice in one object.
    public init(parsing text: String, limits: JSONLimits) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// Reads a document from the bytes of its text in UTF-8.
    ///
    /// - Throws: `JSONError` for what is no JSON, is beyond the limits, or has a key twice in one object.
    public init(parsing bytes: [UInt8], limits: JSONLimits) throws(JSONError) {
        self = try JSONParser.parse(bytes, limits: limits)
    }

    /// The document's text on one line, with sorted keys; reading it again gives an equal value.
    public var text: String { JSONWriter(.compact).text(of: self) }

    /// A number that is computed.
    ///
    /// - Precondition: It is finite.
    public static func number(_ value: Double) -> JSONValue {
        guard let number = finite(value) else { preconditionFailure("JSON has finite numbers only") }
        return number
    }

    /// A number that is computed; nil for one that JSON cannot express.
    package static func finite(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> JSONValue? {
        guard value.isFinite else { return nil }
        // As Foundation writes it: the shortest text that reads back as the same number.
        let text = value.description
        return literal(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    /// The number of a literal, in the case whose text it is; nil for what JSON does not call a number.
    package static func literal(_ text: String) -> JSONValue? {
        if let value = Int64(text), String(value) == text { return .integer(value) }
        if let value = UInt64(text), String(value) == text { return .unsigned(value) }
        return JSONNumber(text).map { .number($0) }
    }
}

extension JSONValue: Codable {
    /// Levels that are read from a decoder of another library.
    ///
    /// Such a decoder tells the kind of a value only by refusing the others, and each refusal names the whole way
    /// down to the value: without a bound a document of 1,000 bytes, 500 levels deep, takes 3 s.
    private static let deepestDecoded = 64

    /// Reads a document from any decoder.
    ///
    /// Foundation's decoder has rounded numbers and dropped repeated keys before this sees them: read text with
    /// ``init(parsing:limits:)-(String,_)``, which does not.
    public init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count <= Self.deepestDecoded else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: [],
                    debugDescription: "nested more than \(Self.deepestDecoded) levels deep"
                )
            )
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? container.decode(Double.self), let number = Self.finite(value) {
            self = number
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if (try? decoder.unkeyedContainer()) != nil {
            self = .array(try container.decode([JSONValue].self))
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Writes the document into any encoder; ``text`` keeps numbers to the letter, which no encoder of Foundation does.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .unsigned(let value): try container.encode(value)
        case .number(let value): try container.encode(value.nearest)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
