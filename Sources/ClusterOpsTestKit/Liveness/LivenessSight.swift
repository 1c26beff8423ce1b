import ClusterEngine
import ClusterModel
import ClusterReports
import MariaDB

/// What the tables say at one moment of all that waits, read without the engine's own statements.
struct LivenessSight: Sendable {
    struct Waiting: Sendable, Hashable {
        let id: OperationID
        let part: LivenessPart?
        let queue: String
        let key: String?
        let isReady: Bool
    }

    /// What waits to be run, oldest first.
    var queued: [Waiting] = []
    var pausedQueues: Set<String> = []
    /// The exclusive targets of what runs, as far as it is committed.
    var runningKeys: Set<String> = []
    var executing = 0
    let at: ContinuousClock.Instant

    /// More than all clients together have waiting, but for the backlog, which is younger.
    private static let mostSeen = 3000

    /// Reads it, all in one snapshot.
    static func read(_ connection: Connection) async throws -> LivenessSight {
        try await connection.withSnapshot { session in
            var sight = LivenessSight(at: .now)
            sight.queued = try session.query(
                """
                SELECT id, requester, queue_name, exclusive_key, ready_at <= NOW(6) AS is_ready
                FROM work_queue WHERE state = 'queued' ORDER BY enqueued_at LIMIT \(mostSeen)
                """
            ).map { row in
                Waiting(
                    id: try row.get("id"),
                    part: LivenessPart(rawValue: try row.get("requester")),
                    queue: try row.get("queue_name"),
                    key: try row.get("exclusive_key", as: String?.self),
                    isReady: try row.get("is_ready")
                )
            }
            sight.pausedQueues = Set(try session.query("SELECT pattern FROM queue_pauses").map { try $0.only() })
            let running = try session.query("SELECT running_key FROM work_queue WHERE state = 'executing'").map {
                try $0.only(String?.self)
            }
            sight.executing = running.count
            sight.runningKeys = Set(running.compactMap(\.self))
            return sight
        }
    }
}

/// Decides which operations have waited for too long although they could run.
///
/// Pure. An operation's time counts while at every sight it is ready, its queue is not paused, its target and its row
/// are free, and a slot is; any other sight begins it anew, and so does a step of the clock that put it into the
/// future. What is behind a backlog needs no free slot, but may be as old as the staleness bound before it counts.
struct LivenessWatch: Sendable {
    /// Twice what any request but those of stopped claims asks for.
    static let longestDelay: Duration = .seconds(1)

    private let settings: LivenessSettings
    private var since: [OperationID: ContinuousClock.Instant] = [:]
    private var firstSeen: [OperationID: ContinuousClock.Instant] = [:]
    private var told: Set<OperationID> = []
    /// What was seen to be put into the future by a step of the clock.
    private var putOff: Set<OperationID> = []
    /// The longest time of each part.
    private(set) var longest: [LivenessPart: Duration] = [:]

    init(_ settings: LivenessSettings) {
        self.settings = settings
    }

    /// Takes note of a sight, and returns what has now waited for longer than the bound.
    mutating func observe(_ sight: LivenessSight, _ ledger: LivenessLedger.State) -> [String] {
        var violations: [String] = []
        let hasFreeSlot = sight.executing < settings.workers * settings.slots
        var (next, first): ([OperationID: ContinuousClock.Instant], [OperationID: ContinuousClock.Instant]) = ([:], [:])
        for waiting in sight.queued {
            first[waiting.id] = firstSeen[waiting.id] ?? sight.at
            guard let part = waiting.part, part != .stopped, part != .backlog else { continue }
            let isFree = part == .stale || hasFreeSlot
            // Nobody has asked for a longer delay; a time that is still to come after that was made by a clock that
            // was set.
            let isReady = waiting.isReady || sight.at - (firstSeen[waiting.id] ?? sight.at) > Self.longestDelay
            guard isReady, isFree, !Self.isKept(waiting, sight, ledger) else { continue }
            var began = since[waiting.id] ?? sight.at
            // Each step puts what waits into the future anew, and is made up for anew.
            if !waiting.isReady, let clockSetAt = ledger.clockSetAt {
                began = max(began, clockSetAt)
                putOff.insert(waiting.id)
            }
            next[waiting.id] = began
            let waited = sight.at - began
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
        _ waiting: LivenessSight.Waiting,
        _ sight: LivenessSight,
        _ ledger: LivenessLedger.State
    ) -> Bool {
        sight.pausedQueues.contains(waiting.queue) || ledger.heldRows[waiting.id] != nil
            || waiting.key.map { sight.runningKeys.contains($0) || ledger.heldTargets[$0] != nil } == true
    }

    /// For how long an operation could have run already.
    func couldRun(_ id: OperationID, at now: ContinuousClock.Instant) -> Duration {
        since[id].map { now - $0 } ?? .zero
    }

    /// For how long an operation has been waiting, for whatever reason.
    func waited(_ id: OperationID, at now: ContinuousClock.Instant) -> Duration {
        firstSeen[id].map { now - $0 } ?? .zero
    }

    /// What has waited for so long, for whatever reason, that its explanation is judged.
    func toBeExplained(at now: ContinuousClock.Instant) -> [OperationID] {
        firstSeen.filter { now - $0.value > settings.explainedAfter }.keys.sorted()
    }
}
