import MariaDB

/// What the elected node takes back from those that were elected before it: the operations that they were running.
///
/// Their sessions may live for a while yet, and while an operation is executing no other of its target can. But whoever
/// ran it acts no more, because its term is over; and its late outcome fails at the fence, because the operation counts
/// another delivery.
package struct Succession: Sendable {
    /// Operations of one transaction; a node runs a few at once.
    private static let batch = 100

    private let node: NodeName
    private let database: Database
    private let waker: any Waker

    package init(node: NodeName, database: Database, waker: any Waker) {
        self.node = node
        self.database = database
        self.waker = waker
    }

    /// Returns to the queue what other nodes are running of the elected role's work.
    ///
    /// - Returns: How many operations it were.
    /// - Throws: ``TenureOver``, then none was taken back; `DatabaseError`.
    @discardableResult
    package func takeBack(under tenure: Tenure) async throws -> Int {
        let node = node
        let random = Double.random(in: 0...1)
        let (count, ready) = try await database.withTransaction { transaction in
            let held = try SessionStatements.lockRunElsewhere(
                QueueName.claimOrder(targets: [.networkNode]),
                than: node,
                limit: Self.batch,
                in: transaction
            )
            let entries = held.map { Settling.Entry(id: $0.0, delivery: $0.1, report: .reaped) }
            let effects = try Settling.apply(entries, random: random, in: transaction)
            try tenure.confirm(in: transaction)
            return (held.count, effects.ready)
        }
        await waker.wake(ready)
        return count
    }
}
