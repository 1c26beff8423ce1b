import ClusterModel

/// Decides which outcomes wait for their operations' rows, because others hold them.
///
/// Pure.
///
/// A batch leaves held rows out and commits the rest. Each row that was left out is then waited for in a transaction
/// of its own, beside further batches: a wait at the lock is over the moment the lock is free, where a pause would last
/// on. What finds no place to wait is tried again with each batch.
struct HeldOutcomes: Sendable {
    /// Rows that are waited for at once; each takes a connection of the pool.
    ///
    /// The last place is for a row that was not waited for yet: most rows are held for milliseconds, and must not
    /// stand behind one that is held for minutes.
    static let mostWaits = 2

    /// An outcome whose row is to be waited for, and for how long.
    struct Wait: Sendable, Hashable {
        let entry: Settling.Entry
        let limit: RowLock.Wait
    }

    /// In the order in which they were left out.
    private var left: [Settling.Entry] = []
    /// The number of times that each was waited for, as long as it is not written.
    private var waits: [OperationID: Int] = [:]
    private var waiting = 0

    /// Takes note of outcomes that a batch has left out, or that were waited for in vain.
    mutating func hold(_ entries: [Settling.Entry]) { left += entries }

    /// Takes all outcomes that nobody waits for, to be tried with a batch.
    mutating func takeAll() -> [Settling.Entry] {
        defer { left = [] }
        return left
    }

    /// Takes an outcome to be waited for, as long as there is a place; each wait for a row is longer than the last one.
    mutating func takeWait() -> Wait? {
        let isLastPlace = waiting == Self.mostWaits - 1
        guard waiting < Self.mostWaits, let index = left.indices.min(by: { count(left[$0]) < count(left[$1]) }),
            !isLastPlace || count(left[index]) == 0
        else { return nil }
        let entry = left.remove(at: index)
        let steps = RowLock.Wait.allCases
        let limit = steps[min(count(entry), steps.count - 1)]
        waits[entry.id, default: 0] += 1
        waiting += 1
        return Wait(entry: entry, limit: limit)
    }

    /// Takes note that a wait is over, whatever has come of it.
    mutating func stopWaiting() { waiting -= 1 }

    /// Forgets an operation whose outcome is written, or is no longer ours.
    mutating func forget(_ id: OperationID) { waits[id] = nil }

    private func count(_ entry: Settling.Entry) -> Int { waits[entry.id] ?? 0 }
}
