import DatabaseTime

/// Orders the heads of the queues as a worker takes them.
///
/// Strictly by the order of the queues, except for a reserved share: every `reservedInterval`th pick goes to a queue
/// that strict order passes over and whose oldest operation has been ready beyond the staleness bound. Those queues
/// take turns, each with its oldest operation first, so an operation starts within its bound and a few picks for each
/// queue that waits like its own, however long the better queues' backlog is and however it grows. One of each
/// exclusive target.
package struct ClaimPolicy: Sendable {
    /// A quarter of the throughput is what stale work may take from fresh work of better lanes.
    static let reservedInterval = 4
    /// The time for which work may wait, unless the configuration says otherwise, before it gets a reserved share.
    package static let defaultStalenessBound: Duration = .seconds(60)

    private let stalenessBound: Duration
    private var turns = Turns()

    package init(stalenessBound: Duration) {
        self.stalenessBound = stalenessBound
    }

    /// Puts candidates, which stand in the order of the queues, into the order in which they are to be taken.
    ///
    /// - Parameters:
    ///   - candidates: In the order of the queues.
    ///   - now: The database's time when they were read.
    /// - Returns: At most one of each exclusive target.
    package func order(_ candidates: [ClaimCandidate], now: Timestamp) -> [Choice] {
        let bound = Timestamp(microseconds: now.microseconds - stalenessBound.wholeMicroseconds)
        var ordered = Line(candidates)
        var stale = Dictionary(grouping: candidates.filter { $0.readyAt < bound }, by: \.queue)
            .mapValues { queue in Line(queue.sorted { ($0.readyAt, $0.id) < ($1.readyAt, $1.id) }) }
        var taken = Taken()
        var turns = turns
        var choices: [Choice] = []
        while let next = ordered.first(without: taken) {
            var choice = Choice(candidate: next, isReserved: false)
            if turns.isReservedDue {
                var passedOver: [QueueName: ClaimCandidate] = [:]
                for queue in stale.keys where queue != next.queue {
                    passedOver[queue] = stale[queue]?.first(without: taken)
                }
                if let candidate = turns.next(of: passedOver) {
                    choice = Choice(candidate: candidate, isReserved: true)
                }
            }
            turns.took(choice)
            taken.insert(choice.candidate)
            choices.append(choice)
        }
        return choices
    }

    /// Takes note of what was really taken, in the order of `order`.
    package mutating func took(_ choices: [Choice]) {
        for choice in choices { turns.took(choice) }
    }

    /// A candidate in its place.
    package struct Choice: Sendable, Hashable {
        package let candidate: ClaimCandidate
        /// A Boolean value that indicates whether it goes before better queues because it has waited for too long.
        let isReserved: Bool
    }

    /// The turns of the queues that get reserved picks.
    private struct Turns: Sendable {
        private var picksSinceReserved = 0
        private var reservedPicks = 0
        /// The number of the last reserved pick of each queue; a worker has at most some twenty.
        private var lastTurn: [QueueName: Int] = [:]

        var isReservedDue: Bool { picksSinceReserved + 1 >= ClaimPolicy.reservedInterval }

        /// Returns the candidate of the queue that has waited for its turn longest; of those that never had one, the
        /// oldest.
        func next(of heads: [QueueName: ClaimCandidate]) -> ClaimCandidate? {
            heads.min { left, right in
                (lastTurn[left.key] ?? 0, left.value.readyAt, left.value.id)
                    < (lastTurn[right.key] ?? 0, right.value.readyAt, right.value.id)
            }?.value
        }

        mutating func took(_ choice: Choice) {
            picksSinceReserved = choice.isReserved ? 0 : picksSinceReserved + 1
            guard choice.isReserved else { return }
            reservedPicks += 1
            lastTurn[choice.candidate.queue] = reservedPicks
        }
    }

    private struct Taken {
        private var ids: Set<OperationID> = []
        private var targets: Set<String> = []

        mutating func insert(_ candidate: ClaimCandidate) {
            ids.insert(candidate.id)
            if let target = candidate.exclusiveKey { targets.insert(target) }
        }

        func allows(_ candidate: ClaimCandidate) -> Bool {
            !ids.contains(candidate.id) && !(candidate.exclusiveKey.map(targets.contains) ?? false)
        }
    }

    private struct Line {
        private var rest: ArraySlice<ClaimCandidate>

        init(_ candidates: [ClaimCandidate]) {
            rest = candidates[...]
        }

        /// Returns the first that may be taken; what may not be is dropped, because what is taken stays taken.
        mutating func first(without taken: Taken) -> ClaimCandidate? {
            while let candidate = rest.first, !taken.allows(candidate) { rest.removeFirst() }
            return rest.first
        }
    }
}
