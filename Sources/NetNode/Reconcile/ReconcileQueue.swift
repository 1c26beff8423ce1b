/// A queue of keys to reconcile, as Kubernetes' client-go has it.
///
/// Four promises:
/// 1. A key is processed by one run at a time.
/// 2. A key that is added while it is processed is processed once more.
/// 3. Many adds before a run cost one run.
/// 4. An add is answered by a run that began after it.
///
/// A key whose run failed is processed again by itself, with growing delays. Pure: it has no clock.
package struct ReconcileQueue<Key: Hashable & Sendable>: Sendable {
    /// The order in which keys are taken; within one, the oldest comes first.
    package enum Priority: Int, Sendable, Hashable, Comparable {
        /// Maintenance, which reconciles everything.
        case background
        /// The last run failed.
        case retry
        /// Drift was found.
        case repair
        /// An operation waits for it.
        case operation
        /// This node is about to serve.
        case takeover

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

        /// A Boolean value that indicates whether the run is only for the repair of drift or of a failure.
        package var isRepair: Bool { self == .retry || self == .repair }
    }

    /// The position of an add among the runs: later runs answer it.
    package struct Ticket: Sendable, Hashable {
        fileprivate let run: UInt64
    }

    /// A key that is being processed.
    package struct Taken: Sendable, Hashable {
        package let key: Key
        package let priority: Priority
    }

    /// The delay after a first failure, whose cause may still have been at work.
    package static var firstDelay: Duration { .milliseconds(200) }
    /// The delay after the second failure; doubled by each other one.
    package static var secondDelay: Duration { .seconds(1) }
    /// The longest delay: as often as maintenance tries all networks by default.
    package static var longestDelay: Duration { .seconds(30) }

    private struct Entry: Sendable {
        /// The priority of the run that is due; nil when none is.
        var due: Priority?
        /// The number, among all adds, of the add by which it became due.
        var order: UInt64 = 0
        /// The number of the run that processes it; nil when none does.
        var run: UInt64?
        var failures = 0
        /// A Boolean value that indicates whether a drift check has seen the failure, and so will see its end.
        var isVisible = false
        /// The moment before which no repair begins.
        var notBefore: ContinuousClock.Instant?
    }

    private var entries: [Key: Entry] = [:]
    private var adds: UInt64 = 0
    private var runs: UInt64 = 0

    package init() {}

    /// Marks a key as to be processed.
    ///
    /// An add for a repair does not shorten the delay after a failure or a repair; every other add ends the delay.
    ///
    /// - Returns: The ticket by which the run that answers the add is recognised.
    @discardableResult
    package mutating func add(_ key: Key, _ priority: Priority) -> Ticket {
        var entry = entries[key] ?? Entry()
        if entry.due == nil {
            adds += 1
            entry.order = adds
        }
        entry.due = max(entry.due ?? priority, priority)
        if !priority.isRepair { entry.notBefore = nil }
        entries[key] = entry
        return Ticket(run: runs)
    }

    /// Takes keys that are due and not being processed; they count as being processed from then on.
    ///
    /// - Parameters:
    ///   - now: the present time.
    ///   - isWelcome: returns whether a key can be processed now; the others stay.
    /// - Returns: The keys, best priority first, then oldest.
    package mutating func take(
        at now: ContinuousClock.Instant,
        where isWelcome: (Key) -> Bool = { _ in true }
    ) -> [Taken] {
        let ready = entries.compactMap { key, entry -> (taken: Taken, order: UInt64)? in
            guard let due = entry.due, entry.run == nil, entry.notBefore ?? now <= now, isWelcome(key) else {
                return nil
            }
            return (Taken(key: key, priority: due), entry.order)
        }
        guard !ready.isEmpty else { return [] }
        runs += 1
        for (taken, _) in ready {
            entries[taken.key]?.due = nil
            entries[taken.key]?.run = runs
        }
        return ready.sorted { ($1.taken.priority, $0.order) < ($0.taken.priority, $1.order) }.map(\.taken)
    }

    /// Returns whether a run that is under way answers an add.
    package func isAnswered(_ ticket: Ticket, by key: Key) -> Bool {
        entries[key]?.run.map { $0 > ticket.run } ?? false
    }

    /// Ends the processing of a key.
    ///
    /// - Parameters:
    ///   - key: a key that was taken.
    ///   - failed: whether it has to be processed again by itself.
    ///   - rest: the time before its next repair, where it did not fail.
    ///   - now: the present time.
    package mutating func done(
        _ key: Key,
        failed: Bool,
        rest: Duration = .zero,
        at now: ContinuousClock.Instant
    ) {
        guard var entry = entries[key], entry.run != nil else { preconditionFailure("\(key) is not being processed") }
        entry.run = nil
        entry.failures = failed ? entry.failures + 1 : 0
        if !failed { entry.isVisible = false }
        let delay = failed ? Self.delay(after: entry.failures) : rest
        // A run that is due for more than a repair does not wait.
        entry.notBefore = delay > .zero && entry.due?.isRepair ?? true ? now + delay : nil
        if failed, entry.due == nil {
            adds += 1
            (entry.due, entry.order) = (.retry, adds)
        }
        entries[key] = entry.due == nil && entry.notBefore == nil ? nil : entry
    }

    private static func delay(after failures: Int) -> Duration {
        // Beyond 2^5 seconds the bound holds anyway.
        failures == 1 ? firstDelay : min(secondDelay * (1 << min(failures - 2, 5)), longestDelay)
    }

    /// Records the drift that a check has found, and ends the delay of keys on which an earlier check has found drift
    /// and this one none: somebody else has repaired them.
    ///
    /// A failure that no drift check has seen, such as that of a write, keeps its delay: no check can see its end.
    ///
    /// - Parameters:
    ///   - drift: the keys on which there is drift.
    ///   - isChecked: returns whether a key was checked.
    package mutating func recordDriftCheck(found drift: Set<Key>, among isChecked: (Key) -> Bool) {
        for (key, entry) in entries where entry.failures > 0 && entry.run == nil && isChecked(key) {
            if drift.contains(key) {
                entries[key]?.isVisible = true
            } else if entry.isVisible {
                entries[key]?.failures = 0
                entries[key]?.isVisible = false
                entries[key]?.notBefore = nil
            }
        }
    }

    /// Returns whether a key waits for a run.
    package func isDue(_ key: Key) -> Bool { entries[key]?.due != nil }

    /// Returns whether a key has failed, and is to be tried again.
    package var hasFailures: Bool { entries.values.contains { $0.failures > 0 } }

    /// Returns whether a key is being processed.
    package func isProcessing(_ key: Key) -> Bool { entries[key]?.run != nil }

    /// The keys that are being processed.
    package var processing: [Key] { entries.filter { $0.value.run != nil }.map(\.key) }

    /// Returns the time after now at which the next delay ends; nil when none is running.
    package func nextDelay(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        entries.values.filter { $0.due != nil && $0.run == nil }.compactMap(\.notBefore).filter { $0 > now }.min()
    }
}
