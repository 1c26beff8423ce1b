import Synchronization

/// Counts what callers of a pool were refused, by code; also what was tried again and then went well is counted.
final class ErrorCounts: Sendable {
    private let counts = Mutex<[DatabaseError.Code: Int]>([:])

    var all: [DatabaseError.Code: Int] { counts.withLock { $0 } }

    func count(_ error: any Error) {
        guard let error = error as? DatabaseError else { return }
        counts.withLock { $0[error.code, default: 0] += 1 }
    }
}
