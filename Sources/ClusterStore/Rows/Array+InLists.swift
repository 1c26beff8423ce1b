extension Array {
    /// The longest list of one statement.
    ///
    /// A statement takes 65,535 values, and the optimizer gives up a list of more than 16,384 ids for a walk through
    /// the whole table, whatever the hint; long before that, a longer list gains nothing.
    static var longestList: Int { 1000 }

    /// Runs a statement for as many elements at a time as one list may hold, in order, and joins what they return.
    package func inLists<Result>(_ statement: ([Element]) throws -> [Result]) rethrows -> [Result] {
        var results: [Result] = []
        var rest = self[...]
        while !rest.isEmpty {
            results += try statement(Array(rest.prefix(Self.longestList)))
            rest = rest.dropFirst(Self.longestList)
        }
        return results
    }
}
