import Synchronization

/// A snapshot of how much of a pool is in use.
public struct PoolUse: Sendable, Hashable {
    /// Connections that callers hold, or are opening.
    public var lent = 0
    /// Connections that wait for callers.
    public var idle = 0
    /// Callers that wait for connections.
    public var waiting = 0
    /// Connections at most.
    public var maximum = 0
}

/// Counts what callers of a pool were refused, by code; also what was tried again and then went well is counted.
final class ErrorCounts: Sendable {
    private let counts = Mutex<[DatabaseError.Code: Int]>([:])

    var all: [DatabaseError.Code: Int] { counts.withLock { $0 } }

    func count(_ error: any Error) {
        guard let error = error as? DatabaseError else { return }
        counts.withLock { $0[error.code, default: 0] += 1 }
    }
}
