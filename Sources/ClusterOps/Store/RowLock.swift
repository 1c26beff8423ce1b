import MariaDB

/// What a locking read does about rows that others have locked.
enum RowLock: Sendable, Hashable {
    /// Leaves them out.
    case skip
    /// Waits for them; when the time is over, `lockWaitTimeout` is thrown.
    ///
    /// A waiting writer goes before the readers that come after it, so it gets its turn as soon as those have
    /// committed that hold the row now.
    case wait(Wait)

    /// How long a lock is waited for: whole seconds, as the grammar takes a number there and no placeholder.
    enum Wait: Sendable, Hashable, CaseIterable {
        case oneSecond, twoSeconds, fourSeconds, eightSeconds

        var duration: Duration {
            switch self {
            case .oneSecond: .seconds(1)
            case .twoSeconds: .seconds(2)
            case .fourSeconds: .seconds(4)
            case .eightSeconds: .seconds(8)
            }
        }
    }

    /// A row was waited for in vain.
    struct StillHeld: Error {}

    /// Runs a statement that locks by this clause.
    ///
    /// - Throws: ``StillHeld`` when rows were waited for in vain, which is not the database's error: with that one the
    ///   transaction would be begun again, and hold up others.
    func locking<Result>(_ statement: () throws -> Result) throws -> Result {
        do {
            return try statement()
        } catch let error as DatabaseError where self != .skip && error.code == .lockWaitTimeout {
            throw StillHeld()
        }
    }

    /// The end of a `FOR UPDATE`.
    var clause: SQL {
        switch self {
        case .skip: "SKIP LOCKED"
        case .wait(.oneSecond): "WAIT 1"
        case .wait(.twoSeconds): "WAIT 2"
        case .wait(.fourSeconds): "WAIT 4"
        case .wait(.eightSeconds): "WAIT 8"
        }
    }
}
