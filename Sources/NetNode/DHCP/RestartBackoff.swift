/// The backoff before a server that died is started again: none the first time, then longer each time.
package struct RestartBackoff: Sendable, Hashable {
    /// Guests retry for longer than this; and a server that cannot live must not keep a core busy.
    package static let longest: Duration = .seconds(30)
    /// The life after which a server counts as healthy: its death is the first again.
    package static let healthyLife: Duration = .seconds(60)

    private static let first: Duration = .seconds(1)
    private var next: Duration = .zero

    package init() {}

    /// The time to wait after a life, or an attempt to start, of that length.
    package mutating func delay(afterLifeOf life: Duration) -> Duration {
        if life >= Self.healthyLife { next = .zero }
        defer { next = next == .zero ? Self.first : min(next * 2, Self.longest) }
        return next
    }
}
