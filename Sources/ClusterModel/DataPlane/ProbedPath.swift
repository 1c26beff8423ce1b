/// The state of one path over the underlay, as its probes show it.
///
/// Pure: it is told the time, what was answered and what failed, and says when to send the next probe. It changes its
/// mind slowly: a path is lost after four probes in a row that were not answered, half a second apart, and back after
/// three in a row that were, so that a lost datagram, or a process that had no processor for a second, changes nothing.
package struct ProbedPath: Sendable, Hashable {
    /// The reason why a probe was not answered.
    package enum Failure: Sendable, Hashable {
        /// Nothing came back in time.
        case noAnswer
        /// The kernel could not send it, or was told that it cannot be delivered.
        case noRoute(String)
        /// The other machine was reached, and nothing listens there, or a rule of it refuses.
        case refused
        /// It is larger than a link on the way carries, which says so.
        case tooLarge

        /// A Boolean value that indicates whether the other machine was reached all the same.
        package var hasReachedMachine: Bool { self == .refused }
    }

    /// The state of the path.
    package enum State: Sendable, Hashable {
        /// Nothing is known yet.
        case unknown
        case answering
        case failing(Failure)
    }

    /// The time within which an answer counts; an underlay of a data centre takes a millisecond.
    package static let timeout: Duration = .milliseconds(500)
    /// The time between two probes once one was not answered.
    package static let retry: Duration = .milliseconds(500)
    /// The longest time between two probes of a path that is lost, so that it is soon back.
    package static let longestIntervalWhenLost: Duration = .seconds(1)
    /// The probes in a row, without an answer, after which the path counts as lost.
    package static let missesUntilLost = 4
    /// The probes in a row, each answered, after which a lost path counts as back.
    package static let answersUntilBack = 3

    private struct Open: Sendable, Hashable {
        let nonce: UInt64
        let sentAt: ContinuousClock.Instant
    }

    /// The time between two probes while all is well.
    private let interval: Duration
    private var nextAt: ContinuousClock.Instant
    private var open: Open?
    private var misses = 0
    private var answers = 0
    /// The failure of the current row of misses that says most.
    private var failure = Failure.noAnswer
    package private(set) var state = State.unknown

    /// Creates a path of which nothing is known; the first probe is due at `start`.
    package init(every interval: Duration, start: ContinuousClock.Instant) {
        self.interval = interval
        nextAt = start
    }

    /// A Boolean value that indicates whether a probe waits for its answer.
    package var isOpen: Bool { open != nil }

    /// A Boolean value that indicates whether the last probe was not answered.
    package var hasMissed: Bool { misses > 0 }

    /// Returns whether a probe is to be sent now; call ``expire(at:)`` before.
    package func isDue(at now: ContinuousClock.Instant) -> Bool { open == nil && now >= nextAt }

    /// Takes note that a probe was sent.
    package mutating func sent(_ nonce: UInt64, at now: ContinuousClock.Instant) {
        open = Open(nonce: nonce, sentAt: now)
        nextAt = now + currentInterval
    }

    /// Takes note of an answer.
    ///
    /// - Returns: False when it answers nothing that was asked: then it changes nothing.
    package mutating func answered(_ nonce: UInt64) -> Bool {
        guard let open, open.nonce == nonce else { return false }
        self.open = nil
        misses = 0
        answers += 1
        switch state {
        case .answering: break
        case .unknown: state = .answering
        case .failing: if answers >= Self.answersUntilBack { state = .answering }
        }
        return true
    }

    /// Takes note that the open probe was not answered in time, if there is one and that is so.
    package mutating func expire(at now: ContinuousClock.Instant) {
        guard let open, now - open.sentAt >= Self.timeout else { return }
        failed(.noAnswer, at: now)
    }

    /// Takes note of a probe that has failed, or could not be sent.
    package mutating func failed(_ failure: Failure, at now: ContinuousClock.Instant) {
        let sentAt = open?.sentAt ?? now
        open = nil
        answers = 0
        // A row is of one kind: that a machine is reached again, and that it is not any more, are news.
        if misses > 0, self.failure.hasReachedMachine != failure.hasReachedMachine { misses = 0 }
        // What came first says more than that later nothing came at all.
        if misses == 0 || failure != .noAnswer { self.failure = failure }
        misses = min(misses + 1, Self.missesUntilLost)
        if misses >= Self.missesUntilLost { state = .failing(self.failure) }
        nextAt = max(now, sentAt + (misses < Self.missesUntilLost ? Self.retry : currentInterval))
    }

    private var currentInterval: Duration {
        if case .failing = state { min(interval, Self.longestIntervalWhenLost) } else { interval }
    }
}
