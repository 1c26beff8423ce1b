import ClusterModel
import ClusterStore
import MariaDB
import Synchronization

/// One term of the elected role, as its holder has it: what it may do, and until when.
///
/// Everything that acts under the role asks its tenure. Once it is over it stays over: a later renewal does not bring
/// it back, because what had to stop has stopped.
package final class Tenure: Sendable {
    package let term: UInt64
    /// A Boolean value that indicates whether the holder of the term before has given the lease back, and not fallen
    /// silent.
    package let followsHandover: Bool
    private let lease: String
    private let holder: SessionID
    /// Nil when it was ended.
    private let fence: Mutex<ContinuousClock.Instant?>
    private let end = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    package init(
        lease: String,
        term: UInt64,
        holder: SessionID,
        until fence: ContinuousClock.Instant,
        followsHandover: Bool = false
    ) {
        self.followsHandover = followsHandover
        self.lease = lease
        self.term = term
        self.holder = holder
        self.fence = Mutex(fence)
    }

    /// The moment until which it may be acted on; nil when that has passed.
    package var deadline: ContinuousClock.Instant? {
        fence.withLock { fence in
            guard let until = fence, .now < until else { return nil }
            return until
        }
    }

    /// A Boolean value that indicates whether nothing may be done under it any more.
    package var isOver: Bool { deadline == nil }

    /// Takes note of a renewal or a round that was confirmed; never shortens.
    ///
    /// - Returns: False when it was over before: then it stays so.
    package func extend(until later: ContinuousClock.Instant) -> Bool {
        fence.withLock { fence in
            guard let until = fence, .now < until else { return false }
            fence = max(until, later)
            return true
        }
    }

    /// Ends it before its time.
    package func finish() {
        fence.withLock { $0 = nil }
        end.continuation.finish()
    }

    /// Waits until it is over, also through graceful shutdown; a cancelled task does not wait.
    ///
    /// To be called once: a stream whose reader was cancelled is a stream that has ended.
    package func over() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Extended while it slept, it sleeps on. Not `pause(for:)`: that ends at graceful shutdown, and a tenure
                // does not.
                while let until = self.deadline {
                    guard (try? await Task.sleep(until: until, clock: .continuous)) != nil else { return }
                }
            }
            group.addTask { for await _ in self.end.stream {} }
            await group.next()
            group.cancelAll()
        }
        if !Task.isCancelled { finish() }
    }

    /// Makes a transaction one of this term: it commits only while the lease is held, and not beside a change of
    /// holder.
    ///
    /// To be called last: a transaction that waits for some other row must not keep the lease's row from its renewal.
    /// - Throws: ``TenureOver``, which rolls the transaction back.
    package func confirm(in transaction: borrowing Transaction) throws {
        guard !isOver, try LeaseStatements.hold(lease, term: term, holder: holder, in: transaction) else {
            throw TenureOver(term: term)
        }
    }
}

/// An error that says that something was to be done under a term that has ended.
package struct TenureOver: Error, Sendable, CustomStringConvertible {
    package let term: UInt64

    package init(term: UInt64) {
        self.term = term
    }

    package var description: String { "term \(term) of the elected role is over" }
}
