/// One row of a result; its values are copies, so it may outlive the statement.
public struct Row: Sendable {
    @usableFromInline let layout: ColumnLayout
    @usableFromInline let values: [SQLValue]

    init(layout: ColumnLayout, values: [SQLValue]) {
        self.layout = layout
        self.values = values
    }

    /// Reads a column by its name.
    ///
    /// - Throws: `DatabaseError` with code `unexpectedValue`, naming the column, the type and what was found.
    @inlinable public func get<Value: SQLConvertible>(
        _ column: String,
        as type: Value.Type = Value.self
    ) throws -> Value {
        guard let index = layout.index[column] else { throw layout.lacks(column) }
        return try value(at: index)
    }

    /// Reads the columns by position, as many as the tuple has members.
    ///
    /// - Throws: `DatabaseError` with code `unexpectedValue`, also when the row has more or fewer columns.
    @inlinable public func decode<each Value: SQLConvertible>(
        _ types: (repeat each Value).Type = (repeat each Value).self
    ) throws -> (repeat each Value) {
        var index = 0
        func next<Member: SQLConvertible>(_: Member.Type) throws -> Member {
            defer { index += 1 }
            guard index < values.count else {
                throw layout.unexpected("the row has only \(values.count) columns")
            }
            return try value(at: index)
        }
        let result = (repeat try next((each Value).self))
        guard index == values.count else {
            throw layout.unexpected("the row has \(values.count) columns, \(index) were asked for")
        }
        return result
    }

    /// Reads the only column of a row.
    @inlinable public func only<Value: SQLConvertible>(_ type: Value.Type = Value.self) throws -> Value {
        precondition(values.count == 1, "the statement returns one column")
        return try value(at: 0)
    }

    // The caller's module has a copy for each type that is read: a row has forty columns, and looking up what is known
    // of a generic type only when it runs takes longer than to read the value.
    @inlinable func value<Value: SQLConvertible>(at index: Int) throws -> Value {
        do throws(SQLConversionError) {
            return try Value(sqlValue: values[index])
        } catch {
            throw layout.unexpected("column '\(layout.names[index])': \(error.reason)")
        }
    }
}

/// The names of a result's columns, shared by its rows.
@usableFromInline final class ColumnLayout: Sendable {
    @usableFromInline let names: [String]
    @usableFromInline let index: [String: Int]
    let statement: String

    init(names: [String], statement: String) {
        self.names = names
        self.statement = statement
        index = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    @usableFromInline func lacks(_ column: String) -> DatabaseError {
        unexpected("there is no column '\(column)'; there are \(names.joined(separator: ", "))")
    }

    @usableFromInline func unexpected(_ message: String) -> DatabaseError {
        DatabaseError(code: .unexpectedValue, phase: .fetch, statement: statement, message: message)
    }
}
