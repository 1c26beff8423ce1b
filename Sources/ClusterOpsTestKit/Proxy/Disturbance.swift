/// The treatment of a statement by a proxy, instead of passing it on and its answer back.
package enum Disturbance: Sendable, Hashable {
    /// The connection breaks before the server has seen it.
    case cutBefore
    /// The server carries it out, and the connection breaks before the client is told.
    case cutAfter
    /// The client's connection breaks at once; the statement reaches the server a moment later.
    case landLate
    /// The client's connection breaks at once; the statement reaches the server when the test says so.
    case hold
    /// The client is told an error of a server; the server has not seen the statement.
    case refuse(UInt16)

    /// The client is told that the statement was interrupted, as `KILL QUERY` does it.
    package static let interrupt = Disturbance.refuse(1317)
}

/// The statement that a disturbance waits for.
package enum Moment: Sendable, Hashable {
    /// The COMMIT of a transaction that has run a statement with this in its text; the empty text is in any.
    case commit(of: String)
    /// A statement with this in its text.
    case statement(String)

    func matches(_ event: ClientStream.Event) -> Bool {
        switch self {
        case .commit(let text): event.isCommit && (text.isEmpty || event.transaction.contains { $0.contains(text) })
        case .statement(let text): event.text.contains(text)
        }
    }
}

/// Decides which statements are disturbed.
///
/// Pure.
struct Disturbances {
    private var orders: [(moment: Moment, disturbance: Disturbance)] = []
    private var chance = 0.0
    private var random = SeededGenerator(seed: 0)

    /// Disturbs the next statement of the kind, once.
    mutating func order(_ disturbance: Disturbance, at moment: Moment) {
        orders.append((moment, disturbance))
    }

    /// Disturbs COMMITs by chance from now on; with a chance of 0 none any more.
    mutating func disturbCommits(chance: Double, seed: UInt64) {
        self.chance = chance
        random = SeededGenerator(seed: seed)
    }

    mutating func disturbance(of event: ClientStream.Event) -> Disturbance? {
        if let index = orders.firstIndex(where: { $0.moment.matches(event) }) {
            return orders.remove(at: index).disturbance
        }
        guard event.isCommit, chance > 0, Double.random(in: 0..<1, using: &random) < chance else { return nil }
        return [.cutBefore, .cutAfter, .landLate].randomElement(using: &random)
    }
}
