import ClusterModel

/// Decides which operations have waited for too long although they could run.
///
/// Pure. An operation's time counts while in every snapshot it is ready, its queue is not paused, its target and its
/// row are free, and a slot is; any other snapshot begins it anew, and so does a step of the clock that put it into the
/// future. What is behind a backlog needs no free slot, but may be as old as the staleness bound before it counts.
struct LivenessWatch: Sendable {
    /// Twice what any request but those of stopped claims asks for.
    static let longestDelay: Duration = .seconds(1)

    private let settings: LivenessSettings
    private var since: [OperationID: ContinuousClock.Instant] = [:]
    private var firstSeen: [OperationID: ContinuousClock.Instant] = [:]
    private var told: Set<OperationID> = []
    /// The operations that a step of the clock has put into the future.
    private var putOff: Set<OperationID> = []
    /// The longest time of each part.
    private(set) var longest: [LivenessPart: Duration] = [:]

    init(_ settings: LivenessSettings) {
        self.settings = settings
    }

    /// Takes note of a snapshot, and returns what has now waited for longer than the bound.
    mutating func observe(_ snapshot: LivenessSnapshot, _ ledger: LivenessLedger.State) -> [String] {
        var violations: [String] = []
        let hasFreeSlot = snapshot.executing < settings.workers * settings.slots
        var (next, first): ([OperationID: ContinuousClock.Instant], [OperationID: ContinuousClock.Instant]) = ([:], [:])
        for waiting in snapshot.queued {
            first[waiting.id] = firstSeen[waiting.id] ?? snapshot.at
            guard let part = waiting.part, part != .stopped, part != .backlog else { continue }
            let isFree = part == .stale || hasFreeSlot
            // Nobody has asked for a longer delay; a time that is still to come after that was made by a clock that
            // was set.
            let isReady = waiting.isReady || snapshot.at - (firstSeen[waiting.id] ?? snapshot.at) > Self.longestDelay
            guard isReady, isFree, !Self.isKept(waiting, snapshot, ledger) else { continue }
            var began = since[waiting.id] ?? snapshot.at
            // Each step puts what waits into the future anew, and is made up for anew.
            if !waiting.isReady, let clockSetAt = ledger.clockSetAt {
                began = max(began, clockSetAt)
                putOff.insert(waiting.id)
            }
            next[waiting.id] = began
            let waited = snapshot.at - began
            longest[part] = max(longest[part] ?? .zero, waited)
            let bound =
                settings.bound + (part == .stale ? settings.stalenessBound : .zero)
                + (putOff.contains(waiting.id) ? settings.boundAfterStep : .zero)
            if waited > bound, told.insert(waiting.id).inserted {
                violations.append(
                    "\(part.rawValue) \(waiting.id) of \(waiting.queue) could run for \(waited) and did not"
                )
            }
        }
        (since, firstSeen) = (next, first)
        return violations
    }

    private static func isKept(
        _ waiting: LivenessSnapshot.Waiting,
        _ snapshot: LivenessSnapshot,
        _ ledger: LivenessLedger.State
    ) -> Bool {
        snapshot.pausedQueues.contains(waiting.queue) || ledger.heldRows[waiting.id] != nil
            || waiting.key.map { snapshot.runningKeys.contains($0) || ledger.heldTargets[$0] != nil } == true
    }

    /// For how long an operation could have run already.
    func couldRun(_ id: OperationID, at now: ContinuousClock.Instant) -> Duration {
        since[id].map { now - $0 } ?? .zero
    }

    /// For how long an operation has been waiting, for whatever reason.
    func waited(_ id: OperationID, at now: ContinuousClock.Instant) -> Duration {
        firstSeen[id].map { now - $0 } ?? .zero
    }

    /// Returns what has waited for so long, for whatever reason, that its explanation is judged.
    func toBeExplained(at now: ContinuousClock.Instant) -> [OperationID] {
        firstSeen.filter { now - $0.value > settings.explainedAfter }.keys.sorted()
    }
}
