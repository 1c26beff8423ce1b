@_exported import DatabaseTime

extension Timestamp: SQLConvertible {
    /// The value that is bound, in its canonical form.
    public var sqlValue: SQLValue { .timestamp(self) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .timestamp(let value) = sqlValue else { throw .mismatch(Self.self, sqlValue) }
        self = value
    }
}
