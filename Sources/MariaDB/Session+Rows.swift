extension Session {
    /// Elements of one statement at most: with as many columns as any of our tables has, a sixth of the 65,535 values
    /// that a statement may bind.
    static let mostInStatement = 256

    /// Runs a statement on many elements, each of which is a piece of its text, such as a row of `VALUES`.
    ///
    /// A statement is atomic: where array binding goes on after an error that the server does not tell, as Galera's
    /// aborts in the middle of a batch, a statement has happened or has not. It takes a power of two elements at a
    /// time, which keeps the number of different texts, hence of prepared statements, logarithmic.
    /// - Parameters:
    ///   - elements: In the order in which they are written; an empty list does nothing and returns 0.
    ///   - separator: What stands between two pieces.
    ///   - piece: Makes the piece of an element; its text must be the same for every element.
    ///   - statement: Makes the statement of the pieces.
    /// - Returns: The rows found or inserted, summed.
    /// - Throws: `DatabaseError`; the statements before the one that failed have taken effect.
    @discardableResult
    public borrowing func execute<Element>(
        together elements: [Element],
        separator: StaticString = ", ",
        _ piece: (Element) -> SQL,
        in statement: (SQL) -> SQL
    ) throws(DatabaseError) -> Int {
        var affected = 0
        var rest = elements[...]
        while !rest.isEmpty {
            var pieces = rest.prefix(Self.mostInStatement).map(piece)
            var size = Self.mostInStatement
            while size > pieces.count || (size > 1 && Self.bytes(of: pieces.prefix(size)) > Self.batchBytes) {
                size /= 2
            }
            pieces.removeLast(pieces.count - size)
            affected += try execute(statement(.joined(pieces, separator: separator)))
            rest = rest.dropFirst(size)
        }
        return affected
    }

    private static func bytes(of pieces: ArraySlice<SQL>) -> Int {
        pieces.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.size } }
    }
}

extension Transaction {
    /// Runs a statement on many elements; see `Session.execute(together:separator:_:in:)`.
    @discardableResult
    public borrowing func execute<Element>(
        together elements: [Element],
        separator: StaticString = ", ",
        _ piece: (Element) -> SQL,
        in statement: (SQL) -> SQL
    ) throws(DatabaseError) -> Int {
        try session.execute(together: elements, separator: separator, piece, in: statement)
    }
}
