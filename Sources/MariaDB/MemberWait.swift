/// Tells apart what 1205, the error of a wait that took too long, means on a Galera member: another transaction has a
/// row, or the other members could not be waited for; pure.
///
/// A read of a session with `wsrep_sync_wait` waits for what the others have committed. While the members do not know
/// which of them are left, it fails at once, or when the decision falls; nothing was executed then. After that the
/// member answers. If it has lost its quorum, what is prepared anew goes on to fail so, and what was prepared before
/// fails with 1047; so the member is asked for its state.
enum MemberWait {
    /// The time for which a read is run again: members with Galera's own times needed 7 s to decide.
    static let longestDecision: Duration = .seconds(8)
    /// Shorter than a statement of ours waits for a row, unless it is not to wait at all.
    static let soonest: Duration = .milliseconds(500)
    /// In milliseconds.
    static let pause: Int32 = 50

    /// Returns whether a statement may have failed because of other members.
    static func mayExplain(_ error: DatabaseError, of text: String) -> Bool {
        error.code == .lockWaitTimeout && ["SELECT", "START", "(SELECT"].contains(where: text.hasPrefix)
    }

    /// Tells whether a statement has failed because of other members, and not of a row's lock.
    ///
    /// - Parameters:
    ///   - error: One that other members may explain.
    ///   - text: The statement's.
    ///   - tried: The time that it took.
    /// - Returns: False where it may have waited for a row.
    static func explains(_ error: DatabaseError, of text: String, tried: Duration) -> Bool {
        let locks = text.contains("FOR UPDATE") || text.contains("SHARE MODE")
        return error.phase == .prepare || tried < soonest || !locks
    }
}
