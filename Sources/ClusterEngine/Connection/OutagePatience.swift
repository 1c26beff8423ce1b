import ClusterModel
import Synchronization

/// The readiness of a caller to outlast outages of the database, and to go on where it was.
///
/// It is for what waits or follows: each question is a read, or a write that does no harm twice. An outage has no limit
/// here: the caller's own end, such as a timeout or Ctrl-C, ends the questions.
package final class OutagePatience: Sendable {
    /// A change that is told once.
    package enum Notice: Sendable, Hashable {
        case lost(ClusterOpsError)
        case back
    }

    private let outage = Mutex(Outage())
    private let tell: @Sendable (Notice) -> Void

    /// Creates patience.
    ///
    /// - Parameter tell: Told once that the database is away, and once that it is back.
    package init(telling tell: @escaping @Sendable (Notice) -> Void) {
        self.tell = tell
    }

    /// A Boolean value that indicates whether the last question had no answer.
    package var isWithoutAnswer: Bool { outage.withLock { $0.isOn } }

    /// Takes note of an answer.
    package func answered() {
        if outage.withLock({ $0.end() }) { tell(.back) }
    }

    /// Asks until there is an answer, or an error that waiting does not mend.
    ///
    /// - Parameters:
    ///   - question: Asked again after an outage.
    ///   - check: Asked before that: the database that comes back may be another one.
    /// - Returns: The answer.
    /// - Throws: The errors of `question` and `check`, except that the database is unreachable; `CancellationError`.
    func ask<Answer>(
        _ question: () async throws -> Answer,
        afterAnOutage check: () async throws -> Void
    ) async throws -> Answer {
        while true {
            do {
                if isWithoutAnswer { try await check() }
                let answer = try await question()
                answered()
                return answer
            } catch let error as ClusterOpsError where error.code == .unreachable {
                let (isNew, pause) = outage.withLock { $0.begin() }
                if isNew { tell(.lost(error)) }
                // Nobody tells that the server is back; asked at once, it would be met by a crowd when it is.
                try await Task.sleep(for: pause)
            }
        }
    }
}

/// An outage as whoever asks sees it, and the pauses between the questions; pure.
struct Outage: Sendable {
    /// A restart takes a second at least; a crowd that waits costs a server that comes back one connection each in
    /// this time.
    static let pace = PollPace(first: .milliseconds(250), longest: .seconds(2))

    private(set) var isOn = false
    private var pace = Self.pace

    /// Takes note that a question had no answer; returns whether that is new, and the pause before the next one.
    mutating func begin() -> (isNew: Bool, pause: Duration) {
        defer { isOn = true }
        return (!isOn, pace.pause(left: nil))
    }

    /// Takes note of an answer; returns whether that is new.
    mutating func end() -> Bool {
        defer { self = Outage() }
        return isOn
    }
}
