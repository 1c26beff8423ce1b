/// A statement: its text with `?` placeholders, and the values bound to them.
///
/// Written as a string literal, in which every interpolation binds:
/// ```swift
/// try session.execute("UPDATE leases SET touched = touched + 1 WHERE name = \(name) AND term = \(term)")
/// ```
/// There is no way to put a run-time string into the text, so a value can never become SQL, and the text is a
/// constant for each call site: a perfect key for the cache of prepared statements.
public struct SQL: ExpressibleByStringInterpolation, Sendable, Hashable {
    /// The text, with `?` for each value.
    public private(set) var text: String
    /// The values in the order of their placeholders.
    public private(set) var values: [SQLValue]

    /// Takes the text of a literal that binds nothing.
    public init(stringLiteral value: String) {
        text = value
        values = []
    }

    /// Takes the text and the bound values of a literal.
    public init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
    }

    private init(text: String, values: [SQLValue]) {
        self.text = text
        self.values = values
    }

    /// For the contents of migration files, which are compiled into the binary, and for tests that repeat what a server
    /// has shown of a schema.
    package init(trustedText text: String) {
        self.init(text: text, values: [])
    }

    /// Joins statements, or pieces of one, with a constant between them.
    public static func joined(_ pieces: [SQL], separator: StaticString) -> SQL {
        SQL(text: pieces.map(\.text).joined(separator: "\(separator)"), values: pieces.flatMap(\.values))
    }

    /// Collects the text and the values of a literal.
    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var values: [SQLValue] = []

        /// Starts a literal.
        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount)
            values.reserveCapacity(interpolationCount)
        }

        /// Takes a piece of the text as it stands.
        public mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some SQLConvertible) {
            text += "?"
            values.append(value.sqlValue)
        }

        /// Binds a value, or NULL.
        public mutating func appendInterpolation(_ value: (some SQLConvertible)?) {
            text += "?"
            values.append(value?.sqlValue ?? .null)
        }

        /// Binds the members of `IN (…)`.
        ///
        /// The list is filled up to the next power of two with its last member, which changes nothing for `IN` or
        /// `FIELD` and keeps the number of different texts, hence of prepared statements, logarithmic.
        /// - Precondition: The list is not empty: `IN ()` is no SQL, and the caller knows the answer already.
        public mutating func appendInterpolation(list members: [some SQLConvertible]) {
            guard let last = members.last else { preconditionFailure("an empty list cannot be bound") }
            var size = 1
            while size < members.count { size *= 2 }
            text += String(repeating: "?, ", count: size - 1) + "?"
            // No key path: of a generic type it is made by each call, which takes longer than a short list.
            for member in members { values.append(member.sqlValue) }
            values += Array(repeating: last.sqlValue, count: size - members.count)
        }

        /// Inserts another statement or piece of one, with its values.
        public mutating func appendInterpolation(sql: SQL) {
            text += sql.text
            values += sql.values
        }
    }
}
