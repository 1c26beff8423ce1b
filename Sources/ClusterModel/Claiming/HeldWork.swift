/// Decides which waiting operations are waited for, because others have kept their rows locked whenever they were to
/// be taken.
///
/// Pure.
///
/// A claim skips locked rows, so that one held row holds up no other. But a row that is locked in share mode by one
/// transaction after the other, as enqueues lock what they depend on, would be skipped for as long as that goes on;
/// waiting for it takes as long as the transactions take that hold it now.
package struct HeldWork: Sendable {
    /// The time for which a row is skipped; far longer than a transaction of ours holds one.
    package static let bound: Duration = .seconds(1)
    /// The pause between two waits for one row.
    package static let pause: Duration = .seconds(1)

    /// A row to wait for, and for how long.
    package struct Wait: Sendable, Hashable {
        package let id: OperationID
        package let limit: RowLock.Wait
        /// A Boolean value that indicates whether the row has been waited for before, in vain.
        package let isRepeated: Bool
    }

    /// The rows among which the next one to be waited for is chosen.
    package enum Choice: Sendable, Hashable {
        /// Those that were not waited for yet: the others have to wait until a repeated wait is over.
        case fresh
        case all
    }

    private struct Entry {
        let since: SuspendingClock.Instant
        var nextWait: SuspendingClock.Instant
        var waits = 0
    }

    private var entries: [OperationID: Entry] = [:]

    package init() {
    }

    /// Forgets the rows that can no longer be taken, whoever took them.
    package mutating func keep(only candidates: [OperationID]) {
        guard !entries.isEmpty else { return }
        let candidates = Set(candidates)
        entries = entries.filter { candidates.contains($0.key) }
    }

    /// Takes note of rows that were to be taken and were skipped.
    package mutating func skipped(_ ids: [OperationID], at now: SuspendingClock.Instant) {
        for id in ids where entries[id] == nil { entries[id] = Entry(since: now, nextWait: now + Self.bound) }
    }

    /// Lets the row that has been skipped for longest be waited for at once, as far as it was not waited for yet:
    /// there is nothing else to take, so that to skip it serves nobody.
    package mutating func hurry(at now: SuspendingClock.Instant) {
        let fresh = entries.filter { $0.value.waits == 0 }
        guard let (id, entry) = fresh.min(by: { ($0.value.since, $0.key) < ($1.value.since, $1.key) }) else { return }
        entries[id]?.nextWait = min(entry.nextWait, now)
    }

    /// Returns the time until a row is due; nil while none is skipped.
    package func untilDue(among choice: Choice, at now: SuspendingClock.Instant) -> Duration? {
        possible(choice).values.map(\.nextWait).min().map { max(.zero, $0 - now) }
    }

    /// Returns the row that has been skipped for longest among those that are due, and counts on its being waited for.
    ///
    /// Each wait for a row is longer than the one before it: its holders may take longer than the last one allowed for.
    package mutating func takeDue(among choice: Choice = .all, at now: SuspendingClock.Instant) -> Wait? {
        let due = possible(choice).filter { $0.value.nextWait <= now }
        guard let (id, entry) = due.min(by: { ($0.value.since, $0.key) < ($1.value.since, $1.key) }) else { return nil }
        let steps = RowLock.Wait.allCases
        let limit = steps[min(entry.waits, steps.count - 1)]
        entries[id]?.waits += 1
        entries[id]?.nextWait = now + limit.duration + Self.pause
        return Wait(id: id, limit: limit, isRepeated: entry.waits > 0)
    }

    private func possible(_ choice: Choice) -> [OperationID: Entry] {
        choice == .all ? entries : entries.filter { $0.value.waits == 0 }
    }
}
