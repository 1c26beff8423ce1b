import DatabaseTime
import Foundation

/// One value on its way to or from the database, in the few shapes that the wire protocol has.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case unsigned(UInt64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
    case timestamp(Timestamp)

    /// Bytes on the wire, about.
    var size: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        default: 8
        }
    }

    /// The shape in words, for messages; never the value.
    var shape: String {
        switch self {
        case .null: "NULL"
        case .integer: "an integer"
        case .unsigned: "an unsigned integer"
        case .double: "a floating-point number"
        case .text: "text"
        case .bytes: "bytes"
        case .timestamp: "a point in time"
        }
    }
}

/// A type that can be bound to a statement and read from a column.
public protocol SQLConvertible {
    /// The value that is bound.
    var sqlValue: SQLValue { get }

    /// Reads a column's value.
    ///
    /// - Throws: `SQLConversionError` when the value is of another shape, or out of the type's range.
    init(sqlValue: SQLValue) throws(SQLConversionError)
}

/// A column's value was not what the type that should hold it expects.
///
/// Contains no value.
public struct SQLConversionError: Error, Sendable, Hashable {
    /// A text that says what was expected and what was found, without the value.
    public let reason: String

    /// Creates an error; `reason` must not quote the value.
    public init(reason: String) {
        self.reason = reason
    }

    static func mismatch(_ type: Any.Type, _ value: SQLValue) -> SQLConversionError {
        SQLConversionError(reason: "expected \(type), found \(value.shape)")
    }
}

extension FixedWidthInteger where Self: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue {
        if let signed = Int64(exactly: self) { return .integer(signed) }
        return .unsigned(UInt64(truncatingIfNeeded: self))
    }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        let exact: Self? =
            switch sqlValue {
            case .integer(let value): Self(exactly: value)
            case .unsigned(let value): Self(exactly: value)
            default: nil
            }
        guard let exact else { throw .mismatch(Self.self, sqlValue) }
        self = exact
    }
}

extension Int: SQLConvertible {}
extension Int64: SQLConvertible {}
extension UInt8: SQLConvertible {}
extension UInt16: SQLConvertible {}
extension UInt32: SQLConvertible {}
extension UInt64: SQLConvertible {}

extension Bool: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue { .integer(self ? 1 : 0) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        switch sqlValue {
        case .integer(0), .unsigned(0): self = false
        case .integer(1), .unsigned(1): self = true
        default: throw .mismatch(Self.self, sqlValue)
        }
    }
}

extension Double: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue { .double(self) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .double(let value) = sqlValue else { throw .mismatch(Self.self, sqlValue) }
        self = value
    }
}

extension String: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue { .text(self) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .text(let value) = sqlValue else { throw .mismatch(Self.self, sqlValue) }
        self = value
    }
}

extension [UInt8]: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue { .bytes(self) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .bytes(let value) = sqlValue else { throw .mismatch(Self.self, sqlValue) }
        self = value
    }
}

extension UUID: SQLConvertible {
    /// Lower-case hyphenated text, which MariaDB's UUID type takes for every version.
    public var sqlValue: SQLValue { .text(uuidString.lowercased()) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .text(let text) = sqlValue, let value = UUID(uuidString: text) else {
            throw .mismatch(Self.self, sqlValue)
        }
        self = value
    }
}

extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    /// The value that is bound, in its canonical form.
    @inlinable public var sqlValue: SQLValue { self?.sqlValue ?? .null }

    /// Reads a column, or throws when its value is of another shape or out of range.
    @inlinable public init(sqlValue: SQLValue) throws(SQLConversionError) {
        if case .null = sqlValue {
            self = nil
        } else {
            self = try Wrapped(sqlValue: sqlValue)
        }
    }
}

/// A column of JSON text that holds one Codable value.
public struct JSONColumn<Value: Codable & Sendable>: SQLConvertible, Sendable {
    /// The value itself.
    public let value: Value

    /// Wraps a value to be bound.
    public init(_ value: Value) {
        self.value = value
    }

    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("\(Value.self) cannot be written as JSON")
        }
        return .text(String(decoding: data, as: UTF8.self))
    }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .text(let text) = sqlValue else { throw .mismatch(Value.self, sqlValue) }
        do {
            value = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw SQLConversionError(reason: "expected the JSON of \(Value.self), found other JSON")
        }
    }
}
