import MariaDB

/// The state of a lease by the database's clock; the lease's row has `renewed_at` and `expires_at`.
///
/// For reports and for choices that are harmless when they are wrong: it fences nothing, and decides no election.
/// When the clock has leapt forward, every lease seems over until it is renewed next; what was renewed at a time that
/// is still to come was renewed before the clock was set back, and tells nothing of now.
package enum LeaseTime {
    /// The longest time by which the times in rows may be ahead of the clock that they are compared with.
    ///
    /// The clock is that of another server after a failover; where time is synchronised they differ by milliseconds.
    package static let tolerance: SQL = "INTERVAL 1 SECOND"

    /// A condition: the lease has been renewed, and is not over; `table` is a prefix with its dot.
    package static func runs(_ table: SQL = "") -> SQL {
        "\(sql: table)expires_at > NOW(6) AND \(sql: table)renewed_at <= NOW(6) + \(sql: tolerance)"
    }

    /// A condition on a row of `sessions`: nobody has marked it dead, and its lease runs.
    package static func isLive(_ table: SQL = "") -> SQL {
        "\(sql: table)dead = FALSE AND \(sql: runs(table))"
    }
}
