/// A planned end of a tenure, as its holder goes about it: it serves on until another one is ready, and leaves the
/// lease to that one.
///
/// Pure: ``ElectionState`` holds it, the keeper tells it what it found.
package struct Handover: Sendable, Hashable {
    /// The reason why the holder wants to give up the lease.
    package enum Cause: Sendable, Hashable {
        /// The process has been asked to end; it ends in any case.
        case stopping
        /// The node is drained, or has lost the network role; it may not stay either.
        case ineligible
        /// Somebody asked for it, by a request with this id; without a successor it stays.
        case requested(ResignationID)

        private var weight: Int {
            switch self {
            case .requested: 0
            case .ineligible: 1
            case .stopping: 2
            }
        }

        /// Returns whether the other cause leaves less choice.
        static func < (cause: Cause, other: Cause) -> Bool { cause.weight < other.weight }
    }

    /// Somebody who could take over at once.
    package struct Candidate: Sendable, Hashable {
        package let id: SessionID
        /// The amount of the elected role that runs there; see ``ElectedRole/strength()``.
        package let strength: Int

        package init(id: SessionID, strength: Int) {
            self.id = id
            self.strength = strength
        }
    }

    /// The possible successors, as a poll of the database shows them.
    package struct Prospects: Sendable, Hashable {
        /// Those who say that they are ready for the end of this term.
        package let ready: [Candidate]
        /// A Boolean value that indicates whether another node that may be elected has a live process.
        package let someoneStands: Bool

        package init(ready: [Candidate], someoneStands: Bool) {
            self.ready = ready
            self.someoneStands = someoneStands
        }
    }

    /// The reason why a holder that was asked to resign stays.
    package enum Refusal: String, Sendable, Hashable {
        /// No other node that may be elected has a process that lives.
        case nobodyStands = "nobody_stands"
        /// Others live, but none of them was ready in time to serve as much as the holder.
        case nobodyReady = "nobody_ready"
    }

    /// The next step of a handover.
    package enum Step: Sendable, Hashable {
        /// Serve on, and look again.
        case wait
        /// Fall silent and give the lease back, for the successor if there is one.
        case resign(to: SessionID?)
        /// Go on as if nothing had been asked.
        case stay(Refusal, ResignationID)
    }

    package let cause: Cause
    /// A Boolean value that indicates whether the candidates have been told.
    package internal(set) var isAnnounced = false
    /// The holder's strength when the handover began: a candidate that serves less is not ready.
    private let strength: Int
    private let deadline: ContinuousClock.Instant

    init(_ cause: Cause, strength: Int, deadline: ContinuousClock.Instant) {
        self.cause = cause
        self.strength = strength
        self.deadline = deadline
    }

    /// The same end for a cause that leaves less choice; the time that it may take begins anew.
    func become(_ cause: Cause, deadline: ContinuousClock.Instant) -> Handover {
        var changed = Handover(cause, strength: strength, deadline: deadline)
        changed.isAnnounced = isAnnounced
        return changed
    }

    /// Decides what to do after a poll.
    ///
    /// - Parameters:
    ///   - prospects: what the poll showed; nil when it failed.
    ///   - now: when it was answered.
    /// - Returns: what to do.
    package func step(_ prospects: Prospects?, at now: ContinuousClock.Instant) -> Step {
        // While a database that is away shows nobody, nobody can be elected either: a node that may not stay serves on,
        // as long as its witnesses confirm it. A process that has to end does not wait for that.
        let isLate = now >= deadline && (prospects != nil || cause != .ineligible)
        let best = prospects?.ready.max { ($0.strength, $1.id) < ($1.strength, $0.id) }
        if let best, best.strength >= strength { return .resign(to: best.id) }
        // A look that failed says of nobody that he is not there.
        let someoneStands = prospects?.someoneStands ?? true
        guard isLate || !someoneStands else { return .wait }
        switch cause {
        case .requested(let id): return .stay(someoneStands ? .nobodyReady : .nobodyStands, id)
        // Who is almost ready is the next best.
        case .stopping, .ineligible: return .resign(to: best?.id)
        }
    }
}
