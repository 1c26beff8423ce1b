/// A value of an answer that is not always known: its key is written nevertheless, with null.
///
/// Swift's own conformance leaves the key of a nil out, and a script could not tell "unknown" from "no such key".
@propertyWrapper
public struct NullWhenUnknown<Value: Sendable & Hashable & Codable>: Sendable, Hashable, Codable {
    /// The value, or nil when it is not (yet) known.
    public var wrappedValue: Value?

    /// Wraps a value.
    public init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    /// Reads a value or null.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    /// Writes the value or null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}
