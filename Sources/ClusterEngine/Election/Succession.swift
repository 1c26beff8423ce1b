import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The requeueing of the operations that the nodes elected before this one were running.
///
/// Their sessions may live for a while yet, and while an operation is executing no other of its target can. But whoever
/// ran it acts no more, because its term is over; and its late outcome fails at the fence, because the operation counts
/// another delivery. When the one before has fallen silent, it counts as a worker's death, which an operation may have
/// caused; when it has handed over, it does not.
package struct Succession: Sendable {
    /// Operations of one transaction; a node runs a few at once, as a rule.
    private static let batch = 100

    private let node: NodeName
    private let database: Database
    private let waker: any Waker
    private let logger: Logger

    package init(node: NodeName, database: Database, waker: any Waker, logger: Logger) {
        self.node = node
        self.database = database
        self.waker = waker
        self.logger = logger
    }

    /// Returns to the queue what other nodes are running of the elected role's work.
    ///
    /// - Returns: How many operations it were.
    /// - Throws: ``TenureOver``, then no more was taken back; `DatabaseError`; ``RowLock/StillHeld`` for an
    ///   operation that others have held for a second: what was taken back by then stays so, and the call is repeated.
    @discardableResult
    package func takeBack(under tenure: Tenure) async throws -> Int {
        let node = node
        var count = 0
        while true {
            let ids = try await database.withSession { session in
                try SessionStatements.runElsewhere(
                    QueueName.claimOrder(targets: [.networkNode]),
                    than: node,
                    limit: Self.batch,
                    on: session
                )
            }
            guard !ids.isEmpty else { return count }
            let taken = try await takeBack(ids, ifHeld: .skip, under: tenure)
            count += taken.count
            // Enqueuers that hold a row one after the other would have it skipped for ever.
            for id in ids where !taken.contains(id) {
                count += try await takeBack([id], ifHeld: .wait(.oneSecond), under: tenure).count
            }
        }
    }

    private func takeBack(
        _ ids: [OperationID],
        ifHeld held: RowLock,
        under tenure: Tenure
    ) async throws -> Set<OperationID> {
        let node = node
        let random = Double.random(in: 0...1)
        let (taken, effects) = try await database.withTransaction { transaction in
            let locked = try held.locking {
                try SessionStatements.lockRunElsewhere(ids, than: node, ifHeld: held, in: transaction)
            }
            let report: AttemptReport = tenure.followsHandover ? .takenOver : .reaped
            let entries = locked.map { Settling.Entry(id: $0.0, delivery: $0.1, report: report) }
            let effects = try Settling.apply(entries, random: random, in: transaction)
            try tenure.confirm(in: transaction)
            return (Set(locked.map(\.0)), effects)
        }
        for attempt in effects.lost { attempt.log(to: logger) }
        await waker.wake(effects.ready)
        await waker.wakeWaiters(of: effects.ended)
        return taken
    }
}
