import DequeModule

/// The decisions of a connection pool, as a value: who gets which connection, who opens one, who waits.
///
/// A connection is *lent* from the moment it is granted until `release`; a permission to open counts as lent too, so
/// `lent + idle ≤ maximum` always holds. Waiters are served in the order of their arrival.
struct PoolState<Connection, Waiter: Hashable> {
    /// The answer to a caller that wants a connection.
    enum Acquisition {
        case take(Connection, idleSince: ContinuousClock.Instant)
        case open
        case wait
        case refuse(DatabaseError.Code)
    }

    /// The next step when a connection comes back or could not be opened.
    enum Release {
        case nothing
        case hand(Connection, to: Waiter)
        case letOpen(Waiter)
    }

    let maximum: Int
    let maximumWaiters: Int
    private(set) var lent = 0
    private(set) var isClosed = false
    private var idle: [(connection: Connection, since: ContinuousClock.Instant)] = []
    private var waiters: Deque<Waiter> = []

    init(maximum: Int, maximumWaiters: Int) {
        precondition(maximum > 0)
        self.maximum = maximum
        self.maximumWaiters = maximumWaiters
    }

    var idleCount: Int { idle.count }
    var waiterCount: Int { waiters.count }

    /// Takes the connection used last, because its caches are warm and the others may fall idle and close; the last
    /// one that is fit for the use, if there is one.
    mutating func acquire(preferring isFit: (Connection) -> Bool = { _ in true }) -> Acquisition {
        if isClosed { return .refuse(.poolClosed) }
        if let index = idle.lastIndex(where: { isFit($0.connection) }) ?? idle.indices.last {
            let (connection, since) = idle.remove(at: index)
            lent += 1
            return .take(connection, idleSince: since)
        }
        if lent < maximum {
            lent += 1
            return .open
        }
        return waiters.count < maximumWaiters ? .wait : .refuse(.poolExhausted)
    }

    mutating func enqueue(_ waiter: Waiter) {
        waiters.append(waiter)
    }

    /// Removes a waiter that gave up; false when it has been served meanwhile.
    mutating func remove(_ waiter: Waiter) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Takes a usable connection back.
    mutating func release(_ connection: Connection, now: ContinuousClock.Instant) -> Release {
        if let waiter = waiters.popFirst() { return .hand(connection, to: waiter) }
        lent -= 1
        idle.append((connection, now))
        return .nothing
    }

    /// Takes note that a lent connection is gone, or could not be opened: its place is free again.
    mutating func discard() -> Release {
        if let waiter = waiters.popFirst() { return .letOpen(waiter) }
        lent -= 1
        return .nothing
    }

    /// Gives out the connections that were idle since before `instant`, to be closed.
    mutating func expire(idleSince instant: ContinuousClock.Instant) -> [Connection] {
        let expired = idle.filter { $0.since < instant }
        idle.removeAll { $0.since < instant }
        return expired.map(\.connection)
    }

    /// Gives out the idle connections that are not to be lent again, to be closed.
    mutating func giveUp(_ isLeft: (Connection) -> Bool) -> [Connection] {
        let left = idle.filter { isLeft($0.connection) }
        idle.removeAll { isLeft($0.connection) }
        return left.map(\.connection)
    }

    /// Refuses all further callers; gives out what is to be closed and who is to be told.
    mutating func close() -> (connections: [Connection], waiters: [Waiter]) {
        isClosed = true
        defer {
            idle = []
            waiters = []
        }
        return (idle.map(\.connection), Array(waiters))
    }
}
