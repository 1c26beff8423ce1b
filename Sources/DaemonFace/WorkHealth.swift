import ClusterEngine
import MariaDB

/// Judges a worker by what it last did.
///
/// Pure.
package struct WorkHealth: Sendable {
    /// The longest that one turn of the loop may wait for a database that hangs.
    ///
    /// Every wait is bounded: 5 s to connect, 15 s for an answer, ten for a connection of the pool, 3 s for a row, of
    /// which a transaction may try a dozen. So a database that is away or hangs makes no worker stuck: to start it
    /// anew would end what runs, and heal nothing.
    static let longestTurn: Duration = .seconds(60)
    /// The number of leases that may pass without a turn: the end of a session that was lost is one of them.
    static let leases = 3

    private let lease: Duration
    private let pollInterval: Duration

    package init(lease: Duration, pollInterval: Duration) {
        self.lease = lease
        self.pollInterval = pollInterval
    }

    /// For how long a ready worker's loop may not have turned: a poll, and a statement that takes its time.
    var readyBound: Duration { pollInterval * 2 + lease }
    /// For how long the loop of a worker that can help itself may not have turned.
    var liveBound: Duration { pollInterval * 2 + lease * Self.leases + Self.longestTurn }

    /// Returns a finding on whether a session is held, which takes a database that answers.
    package func session(_ reading: WorkPulse.Reading, at now: ContinuousClock.Instant) -> Finding {
        guard let heldUntil = reading.heldUntil, heldUntil > now else {
            return Finding("session", isReady: false, reading.error ?? "none is held")
        }
        return Finding("session", isReady: true, "held for \((heldUntil - now).seconds) s, if it is not renewed")
    }

    /// Returns a finding on whether this program works with the schema.
    ///
    /// A newer schema is none against it as long as its version is not below the compatibility floor. A worker that
    /// runs goes on below it too, because an update would otherwise stop the whole cluster; whoever watches it sees
    /// that its turn has come.
    package static func schema(_ reading: WorkPulse.Reading) -> Finding {
        guard let schema = reading.schema else { return Finding("schema", isReady: true, "not read yet") }
        let state =
            schema.isTooNew
            ? "\(Migrator.Refusal.databaseIsNewer(schema))"
            : "at version \(schema.version), this program needs \(schema.binaryVersion)"
        return Finding("schema", isReady: schema.isUsable, state)
    }

    /// Returns a finding on whether the loop that claims goes round.
    package func claims(_ reading: WorkPulse.Reading, at now: SuspendingClock.Instant) -> Finding {
        let silence = now - reading.turnedAt
        let text = "last turned \(silence.seconds) s ago"
        return Finding(
            "claims",
            isReady: silence <= readyBound && reading.error == nil,
            isLive: silence <= liveBound,
            reading.error.map { "\(text); \($0)" } ?? text
        )
    }
}

extension Duration {
    /// Seconds with one digit behind the point, for people.
    var seconds: Double {
        let tenths = components.seconds * 10 + components.attoseconds / 100_000_000_000_000_000
        return Double(tenths) / 10
    }

    /// Seconds, for metrics.
    package var fractionalSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
