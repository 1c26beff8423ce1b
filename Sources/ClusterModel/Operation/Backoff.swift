/// Pauses between attempts: exponential, with jitter, bounded.
struct Backoff: Sendable {
    let first: Duration
    let longest: Duration

    /// After a failed attempt: 1 s doubling to 60 s, so that eight attempts span about two minutes.
    static let retry = Backoff(first: .seconds(1), longest: .seconds(60))
    /// After "try again later": the contract's 1 s doubling to 60 s.
    static let deferral = Backoff(first: .seconds(1), longest: .seconds(60))

    /// The pause after the `count`th time, from half of its bound up to it: spread, yet never at once.
    ///
    /// - Parameters:
    ///   - count: 1 for the first time.
    ///   - random: A number from 0 to 1.
    /// - Returns: At most `longest`.
    func pause(after count: Int, random: Double) -> Duration {
        let doublings = min(max(count - 1, 0), 30)
        let bound = min(longest, first * (1 << doublings))
        return bound * (0.5 + random / 2)
    }
}
