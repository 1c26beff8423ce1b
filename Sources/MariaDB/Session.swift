/// A connection lent to a closure: each statement commits by itself.
///
/// It cannot be stored or sent elsewhere; the closure that received it is synchronous, so nothing else can use the
/// connection meanwhile.
public struct Session: ~Copyable {
    private let link: ServerLink

    init(_ link: ServerLink) {
        self.link = link
    }

    /// The name of the server, as it gives it to itself: that of the Galera member, or host and port.
    public var server: String { link.server }

    /// Runs a statement and returns its rows.
    public borrowing func query(_ sql: SQL) throws(DatabaseError) -> [Row] {
        try link.run(sql).rows
    }

    /// Runs a statement and returns how many rows it found or inserted.
    @discardableResult
    public borrowing func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        try link.run(sql).affectedRows
    }

    /// Elements of one round trip; more gain nothing.
    static let mostInBatch = 1000
    /// Bytes of one round trip, about: a quarter of the server's smallest usual packet.
    static let batchBytes = 4 << 20

    /// Runs one statement for each element, many in one round trip, where nothing is lost if some of them happen and
    /// others do not; see `execute(together:separator:_:in:)` otherwise.
    ///
    /// - Parameters:
    ///   - elements: What the statement is run for; an empty list does nothing and returns 0.
    ///   - statement: Makes the statement; its text must be the same for every element, and so must the types of its
    ///     values, NULL aside.
    /// - Returns: The rows found or inserted, summed.
    /// - Throws: `DatabaseError` of the first element that fails; those before it have taken effect.
    @discardableResult
    public borrowing func executeBatch<Element>(
        _ elements: [Element],
        _ statement: (Element) -> SQL
    ) throws(DatabaseError) -> Int {
        var affected = 0
        var text = ""
        var rows: [[SQLValue]] = []
        var bytes = 0
        for element in elements {
            let next = statement(element)
            precondition(text.isEmpty || next.text == text, "a batch is one statement with many values")
            text = next.text
            rows.append(next.values)
            bytes += next.values.reduce(0) { $0 + $1.size }
            if rows.count == Self.mostInBatch || bytes >= Self.batchBytes {
                affected += try link.run(text: text, rows: rows).affectedRows
                rows = []
                bytes = 0
            }
        }
        if !rows.isEmpty { affected += try link.run(text: text, rows: rows).affectedRows }
        return affected
    }
}

extension Session {
    /// Runs a transaction once: commits if `body` returns, rolls back if it throws.
    ///
    /// - Throws: What `body` threw; or a `DatabaseError` of COMMIT, of which `outcomeUnknown` says that the transaction
    ///   may or may not have happened.
    public borrowing func transaction<Result>(
        _ body: (borrowing Transaction) throws -> Result
    ) throws -> Result {
        // START TRANSACTION would commit the one that is open.
        precondition(!link.inTransaction, "a transaction has no transactions in it")
        try link.begin()
        do {
            let result = try body(Transaction(link))
            try link.commit()
            return result
        } catch {
            link.rollback()
            throw error
        }
    }
}

/// A connection lent inside a transaction, which commits when the closure returns and rolls back when it throws.
///
/// A store function that is only right inside a transaction takes `borrowing Transaction`; one that is right
/// anywhere takes `borrowing Session` and is given `transaction.session`.
public struct Transaction: ~Copyable {
    /// The same connection, for functions that need no transaction.
    public let session: Session

    init(_ link: ServerLink) {
        session = Session(link)
    }

    /// Runs a statement and returns its rows.
    public borrowing func query(_ sql: SQL) throws(DatabaseError) -> [Row] {
        try session.query(sql)
    }

    /// Runs a statement and returns how many rows it found or inserted.
    @discardableResult
    public borrowing func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        try session.execute(sql)
    }

    /// Runs a statement that begins with `SET STATEMENT innodb_lock_wait_timeout = …`, and goes on without it when a
    /// lock is not to be had in that time.
    ///
    /// - Returns: How many rows the statement found, or nil when it would have had to wait: then it alone was undone.
    /// - Throws: `DatabaseError`; `lockWaitTimeout` where the server undoes the whole transaction with the statement.
    public borrowing func executeUnlessLocked(_ sql: SQL) throws(DatabaseError) -> Int? {
        try session.executeUnlessLocked(sql)
    }
}

extension Session {
    fileprivate borrowing func executeUnlessLocked(_ sql: SQL) throws(DatabaseError) -> Int? {
        try link.runUnlessLocked(sql)?.affectedRows
    }
}
