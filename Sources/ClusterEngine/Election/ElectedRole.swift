/// The work of an elected node; the ``ElectionKeeper`` tells it when to do it.
package protocol ElectedRole: Sendable {
    /// Says that the holder has missed renewals or hands over, so that what can be made ready without being heard
    /// should be, or, with false, that it stays.
    ///
    /// Returns at once: neither the next look at the lease nor an election waits for it.
    func shouldBeReady(_ isWanted: Bool)

    /// Returns how much of the role runs here, whether it is heard or only ready to be.
    ///
    /// The value is comparable between nodes, and nil while the role has not been made ready.
    func strength() async -> Int?

    /// A Boolean value that indicates whether this node is heard in the role now.
    var isHeard: Bool { get }

    /// Begins to act, and acts until it is cancelled, which is when the tenure is over and ``retire(_:)`` has run.
    func serve(_ tenure: Tenure) async

    /// Passes on that the tenure's deadline has moved; soon done, because the next renewal waits for it.
    ///
    /// A renewal and a round of the witnesses may call it at once, the latter while the role falls silent too.
    ///
    /// - Returns: Whether the role can be played here. When it cannot, the lease is given back: a holder that nobody
    ///   hears would keep out those who could be heard.
    func extend(_ tenure: Tenure) async -> Bool

    /// Falls silent: when it returns, nobody hears this node in the role any more. The lease is given back afterwards.
    ///
    /// - Throws: When it may still be heard: then the lease is left to end by itself.
    func fallSilent(_ tenure: Tenure) async throws

    /// Stops everything; called when the tenure is over, whether or not it fell silent, in a task that is not
    /// cancelled, while ``serve(_:)`` and ``fallSilent(_:)`` may still run.
    func retire(_ tenure: Tenure) async
}
