import ClusterEngine
import ClusterStore
import DaemonFace

/// The judgement of a netnode's health beside that of its worker.
///
/// Pure but for ``checks(election:_:_:)``, which reads the clock.
struct NetworkHealth: Sendable {
    /// A node without the network role asks for it every 5 s, where its session's looks do not tell; an answer may take
    /// 2 s.
    private static let allowanceForElection: Duration = .seconds(10)
    /// A pass over 150 networks takes seconds; a program of the host that hangs is ended after 30.
    private static let allowanceForPass: Duration = .seconds(60)

    private let electionBound: Duration
    private let passBound: Duration

    init(electionLease: Duration, interval: Duration) {
        electionBound = electionLease * 2 + Self.allowanceForElection
        passBound = interval * 3 + Self.allowanceForPass
    }

    func checks(
        election: Progress,
        _ coordinator: NetworkCoordinator,
        _ record: MaintenanceRecord
    ) -> [@Sendable () -> Finding] {
        [
            { self.election(election.reading, at: .now) },
            { Self.gate(coordinator.standing) },
            { self.maintenance(record.progress.reading, at: .now) },
        ]
    }

    /// Returns the finding on whether the lease of the elected role is read, or renewed: a node that is not elected is
    /// ready too.
    func election(_ reading: Progress.Reading, at now: SuspendingClock.Instant) -> Finding {
        Self.finding("election", reading, within: electionBound, "the lease was last seen", at: now)
    }

    /// Returns the finding on whether this node's gate is open or closed as its role wants it.
    static func gate(_ standing: NetworkCoordinator.Standing) -> Finding {
        switch standing {
        case .notElected: Finding("gate", isReady: true, "closed: this node is not elected")
        case .opening: Finding("gate", isReady: false, "closed: this node is elected and not serving yet")
        case .serving(let term, let margin):
            Finding("gate", isReady: true, "open under term \(term), for \(margin.fractionalSeconds) s unless renewed")
        }
    }

    /// Returns the finding on whether maintenance passes succeed in time.
    func maintenance(_ reading: Progress.Reading, at now: SuspendingClock.Instant) -> Finding {
        Self.finding("maintenance", reading, within: passBound, "the last pass ended", at: now)
    }

    private static func finding(
        _ name: String,
        _ reading: Progress.Reading,
        within bound: Duration,
        _ what: String,
        at now: SuspendingClock.Instant
    ) -> Finding {
        guard let madeAt = reading.madeAt else {
            return Finding(name, isReady: false, reading.error ?? "it has not succeeded yet")
        }
        let silence = now - madeAt
        let text = "\(what) \(silence.components.seconds) s ago"
        return Finding(name, isReady: silence <= bound, reading.error.map { "\(text); \($0)" } ?? text)
    }
}
