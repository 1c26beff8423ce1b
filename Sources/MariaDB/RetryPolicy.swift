/// Decides whether, and after which pause, a transaction starts again from BEGIN.
struct RetryPolicy: Sendable {
    /// The number of times that one transaction may be begun, conflicts aside.
    ///
    /// Under the design's hammer (160 clients on 20 keys) no transaction
    /// needed more than 6.
    static let maximumAttempts = 12
    /// The time for which a transaction that meets conflicts is begun again, however often.
    ///
    /// A conflict says that another transaction has got through. Reckoned, not measured: if of three Galera members
    /// that write to one row one gets through, one transaction in 130 meets twelve conflicts in a row, and this time
    /// has room for more than 75. The hammer saw 33 callers get the error after twelve.
    static let longestConflict: Duration = .seconds(30)
    /// The first pause's upper bound; it doubles with each attempt.
    ///
    /// A deadlock's victim usually succeeds at once.
    static let firstPause: Duration = .milliseconds(4)
    static let longestPause: Duration = .milliseconds(400)

    /// The number of times that one transaction may be refused by servers that do not serve.
    ///
    /// With a list of hosts the second connection leads to one that serves; behind a proxy the third may.
    static let maximumRefusals = 3

    private var patience: Duration
    private var attempts = 0
    private var conflicts = 0
    private var refusals = 0

    /// Creates a policy.
    ///
    /// - Parameter patience: The time for which conflicts are retried beyond the number of attempts.
    init(patience: Duration = longestConflict) {
        self.patience = patience
    }

    /// Lets conflicts be retried no more often than other errors: for a service that is to end.
    mutating func losePatience() { patience = .zero }

    /// Decides about the next attempt.
    ///
    /// Full jitter: two victims of one deadlock must not meet again.
    ///
    /// - Parameters:
    ///   - error: The error of the last attempt.
    ///   - elapsed: The time since the first attempt began.
    ///   - random: Picks a number of a range.
    /// - Returns: The pause before the next attempt, or nil when the error is the caller's.
    mutating func pause(
        after error: DatabaseError,
        elapsed: Duration,
        random: (ClosedRange<Double>) -> Double
    ) -> Duration? {
        let mayGoOn: Bool
        if error.isConflict {
            conflicts += 1
            mayGoOn = conflicts < Self.maximumAttempts || elapsed < patience
        } else {
            attempts += 1
            mayGoOn = attempts < Self.maximumAttempts
        }
        if error.isRefusalToServe { refusals += 1 }
        guard mayGoOn, refusals < Self.maximumRefusals, Self.isRetryable(error) else { return nil }
        let bound = min(Self.longestPause, Self.firstPause * (1 << min(attempts + conflicts, 10)))
        return bound * random(0...1)
    }

    /// Returns whether the whole transaction is known not to have happened and may succeed if begun again.
    ///
    /// 1205 undoes only its statement on the server; `Connection` rolls the rest back before it gets here.
    /// A connection lost before COMMIT was sent has lost its transaction with it. A failure to *connect* is not
    /// retried: the caller decides how long an absent database is waited for.
    static func isRetryable(_ error: DatabaseError) -> Bool {
        switch error.code {
        case .deadlock, .lockWaitTimeout, .snapshotConflict, .needsPreparing: true
        case .serverGone, .connectionLost, .connectionKilled, .readOnly, .readOnlyMode, .unknownCommand,
            .shutdownInProgress, .doesNotServe:
            error.phase != .connect && error.phase != .commit
        default: false
        }
    }
}
