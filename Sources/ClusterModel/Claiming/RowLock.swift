/// The way in which a locking read treats rows that others have locked.
package enum RowLock: Sendable, Hashable {
    /// Leaves them out.
    case skip
    /// Waits for them; when the time is over, `lockWaitTimeout` is thrown.
    ///
    /// A waiting writer goes before the readers that come after it, so it gets its turn as soon as those have
    /// committed that hold the row now.
    case wait(Wait)

    /// The time for which a lock is waited for: whole seconds, as the grammar takes a number there and no placeholder.
    package enum Wait: Sendable, Hashable, CaseIterable {
        case oneSecond, twoSeconds, fourSeconds, eightSeconds

        package var duration: Duration {
            switch self {
            case .oneSecond: .seconds(1)
            case .twoSeconds: .seconds(2)
            case .fourSeconds: .seconds(4)
            case .eightSeconds: .seconds(8)
            }
        }
    }
}
