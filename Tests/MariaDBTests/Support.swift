import Dispatch
import MariaDB
import Synchronization

/// A pool with what is needed to open connections beside it.
struct TestPool: Sendable {
    let database: Database
    let testConfiguration: ConnectionConfiguration

    @discardableResult
    func withSession<Result: Sendable>(_ body: @Sendable (borrowing Session) throws -> Result) async throws -> Result {
        try await database.withSession(body)
    }

    @discardableResult
    func withTransaction<Result: Sendable>(
        _ body: @Sendable (borrowing Transaction) throws -> Result
    ) async throws -> Result {
        try await database.withTransaction(body)
    }

    func administer(_ statement: String) async throws {
        try await database.administer(statement)
    }
}

/// What an operator would read; empty when nothing was thrown.
func text(of error: DatabaseError?) -> String {
    error.map { $0.description } ?? ""
}

/// Keeps a connection lent until it is released.
struct Hold: Sendable {
    private let lent = AsyncStream<Void>.makeStream()
    private let done = DispatchSemaphore(value: 0)

    /// Borrows a connection and does not return before `release()`.
    func occupy(_ database: Database) async throws {
        try await database.withSession { _ in
            lent.continuation.yield()
            done.wait()
        }
    }

    /// Returns once the connection is lent.
    func begun() async {
        for await _ in lent.stream { break }
    }

    func release() {
        done.signal()
    }
}
