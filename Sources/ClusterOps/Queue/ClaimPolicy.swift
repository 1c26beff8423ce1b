import MariaDB

/// Orders the heads of the queues as a worker takes them.
///
/// Strictly by the order of the queues, except that every `reservedInterval`th pick goes to the operation that has been
/// ready for longest, when that is beyond the staleness bound: sustained `user_waiting` load cannot starve
/// `background_high_io`. One of each exclusive target.
struct ClaimPolicy: Sendable {
    /// A quarter of the throughput is what stale work may take from fresh work of better lanes.
    static let reservedInterval = 4

    private let stalenessBound: Duration
    private var picksSinceReserved = 0

    init(stalenessBound: Duration) {
        self.stalenessBound = stalenessBound
    }

    /// Puts candidates, which stand in the order of the queues, into the order in which they are to be taken.
    ///
    /// - Parameters:
    ///   - candidates: In the order of the queues.
    ///   - now: The database's time when they were read.
    /// - Returns: At most one of each exclusive target.
    func order(_ candidates: [ClaimStatements.Candidate], now: Timestamp) -> [Choice] {
        let bound = Timestamp(microseconds: now.microseconds - stalenessBound.wholeMicroseconds)
        let stale = candidates.filter { $0.readyAt < bound }.sorted { ($0.readyAt, $0.id) < ($1.readyAt, $1.id) }
        var reserved = Line(stale)
        var ordered = Line(candidates)
        var taken = Taken()
        var choices: [Choice] = []
        var sinceReserved = picksSinceReserved
        while true {
            if sinceReserved + 1 >= Self.reservedInterval, let candidate = reserved.next(without: taken) {
                sinceReserved = 0
                choices.append(Choice(candidate: candidate, isReserved: true))
                taken.insert(candidate)
            } else if let candidate = ordered.next(without: taken) {
                sinceReserved += 1
                choices.append(Choice(candidate: candidate, isReserved: false))
                taken.insert(candidate)
            } else {
                return choices
            }
        }
    }

    /// Takes note of what was really taken, in the order of `order`.
    mutating func took(_ choices: [Choice]) {
        for choice in choices { picksSinceReserved = choice.isReserved ? 0 : picksSinceReserved + 1 }
    }

    /// A candidate in its place.
    struct Choice: Sendable, Hashable {
        let candidate: ClaimStatements.Candidate
        /// Whether it goes before better lanes because it has waited for too long.
        let isReserved: Bool
    }

    private struct Taken {
        private var ids: Set<OperationID> = []
        private var targets: Set<String> = []

        mutating func insert(_ candidate: ClaimStatements.Candidate) {
            ids.insert(candidate.id)
            if let target = candidate.exclusiveKey { targets.insert(target) }
        }

        func allows(_ candidate: ClaimStatements.Candidate) -> Bool {
            !ids.contains(candidate.id) && !(candidate.exclusiveKey.map(targets.contains) ?? false)
        }
    }

    private struct Line {
        private var rest: ArraySlice<ClaimStatements.Candidate>

        init(_ candidates: [ClaimStatements.Candidate]) {
            rest = candidates[...]
        }

        mutating func next(without taken: Taken) -> ClaimStatements.Candidate? {
            while let candidate = rest.popFirst() {
                if taken.allows(candidate) { return candidate }
            }
            return nil
        }
    }
}
