import ClusterModel
import ClusterStore
import MariaDB

/// Releases and aborts what depends on ended operations, inside one transaction and within a bound.
///
/// The transaction that ends an operation does the first part; what is beyond the bound is noted in `cascades`, and
/// its edges stand, so that none of it can run. Each further batch is a transaction of its own: a process that is
/// killed between two loses nothing, and two processes go on with different operations.
struct Cascade: ~Copyable {
    /// Rows that one transaction changes of what depends on ended operations.
    ///
    /// Others wait for those rows until COMMIT. With 500 the longest transaction of 100,001 aborts took 0.16 s, of
    /// 40,000 releases 0.14 s (debug build, two shared cores, load 7); docs/decisions/cascades.md has the figures.
    static let mostAtOnce = 500
    /// The cost of one level of dependents beside its rows: its statements take about as long as four rows.
    private static let costOfLevel = 4

    private var left = Cascade.mostAtOnce
    /// Ended operations with dependents left.
    private var unfinished: [CascadeStatements.Ended] = []

    /// Gives out the ended operations with dependents left, to be noted.
    mutating func takeUnfinished() -> [CascadeStatements.Ended] {
        defer { unfinished = [] }
        return unfinished
    }

    /// The outcome for the dependents of one level.
    struct Level {
        /// Queues that have got work which is ready.
        var ready: Set<QueueName> = []
        /// Locked operations that are to be aborted, off all that they waited for.
        var aborted: [(id: OperationID, outcome: OperationOutcome)] = []
    }

    /// Releases the dependents of ended operations, and locks those that are to be aborted.
    mutating func release(
        _ ended: [CascadeStatements.Ended],
        in transaction: borrowing Transaction
    ) throws -> Level {
        guard left > 0 else {
            try leave(ended, in: transaction)
            return Level()
        }
        let ids = ended.map(\.id)
        let (edges, isCut) = try EndingStatements.edges(from: ids, limit: left, in: transaction)
        guard !edges.isEmpty else { return Level() }
        let stateOf = Dictionary(ended.map { ($0.id, $0.state) }, uniquingKeysWith: { first, _ in first })
        let dependents = try choose(Dependent.all(of: edges, stateOf), in: transaction)
        let chosen = Set(dependents.map(\.id))
        try EndingStatements.deleteEdges(
            edges.filter { chosen.contains($0.dependent) }.map { ($0.dependency, $0.dependent) },
            in: transaction
        )
        try EndingStatements.release(dependents.map { ($0.id, $0.ended) }, in: transaction)
        if isCut || chosen.count < Set(edges.map(\.dependent)).count { try leave(ended, in: transaction) }
        let released = dependents.filter { $0.reason == nil }.map(\.id)
        let doomed = dependents.compactMap { dependent in dependent.reason.map { (dependent.id, $0) } }
        return Level(
            ready: try EndingStatements.readyQueues(of: released, in: transaction),
            aborted: try Self.doom(doomed, in: transaction)
        )
    }

    /// Locks what is to be aborted, and takes it off what it still waits for.
    static func doom(
        _ doomed: [(id: OperationID, reason: AbortReason)],
        in transaction: borrowing Transaction
    ) throws -> [(id: OperationID, outcome: OperationOutcome)] {
        guard !doomed.isEmpty else { return [] }
        let reasons = Dictionary(doomed.map { ($0.id, $0.reason) }, uniquingKeysWith: { first, _ in first })
        let locked = try EndingStatements.lockBlocked(doomed.map(\.id), in: transaction)
        try EndingStatements.deleteEdges(try EndingStatements.edges(into: locked, in: transaction), in: transaction)
        return locked.compactMap { id in reasons[id].map { (id, .aborted($0)) } }
    }

    /// One operation that waited for some that ended.
    private struct Dependent {
        let id: OperationID
        /// The number of its dependencies that ended.
        var ended = 0
        /// The reason for which it is to be aborted, if it is.
        var reason: AbortReason?

        /// The dependents of edges, in the order in which they are locked.
        static func all(
            of edges: [EndingStatements.Edge],
            _ stateOf: [OperationID: OperationState]
        ) -> [Dependent] {
            var found: [OperationID: Dependent] = [:]
            for edge in edges {
                var dependent = found[edge.dependent] ?? Dependent(id: edge.dependent)
                dependent.ended += 1
                if edge.mustComplete, let state = stateOf[edge.dependency], state != .complete {
                    dependent.reason = dependent.reason ?? .dependencyEnded(edge.dependency, state)
                }
                found[edge.dependent] = dependent
            }
            return found.values.sorted { $0.id < $1.id }
        }
    }

    /// Chooses as many dependents as the bound allows; the first of a transaction in any case.
    ///
    /// One that is aborted costs all its edges: it is taken off everything that it waits for.
    private mutating func choose(
        _ dependents: [Dependent],
        in transaction: borrowing Transaction
    ) throws -> [Dependent] {
        let doomed = dependents.filter { $0.reason != nil }.map(\.id)
        let edgesInto = try EndingStatements.edgeCounts(into: doomed, in: transaction)
        left -= left == Self.mostAtOnce ? 0 : Self.costOfLevel
        var chosen: [Dependent] = []
        for dependent in dependents {
            let cost = dependent.reason == nil ? dependent.ended : 1 + (edgesInto[dependent.id] ?? 0)
            guard cost <= left || left == Self.mostAtOnce else { break }
            left -= cost
            chosen.append(dependent)
        }
        return chosen
    }

    private mutating func leave(
        _ ended: [CascadeStatements.Ended],
        in transaction: borrowing Transaction
    ) throws {
        let withDependents = try CascadeStatements.haveDependents(ended.map(\.id), in: transaction)
        unfinished += ended.filter { withDependents.contains($0.id) }
    }
}

/// Goes on with what depends on operations that ended with more dependents than their ending transaction takes.
package struct CascadeWork: Sendable {
    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// Runs batches until nothing is left, or others go on with all that is; tells after each how long it took.
    ///
    /// For benchmarks: a worker does it in a loop of its own, and rings after each.
    package func runAll(_ tell: (Duration) -> Void) async throws {
        var begin = ContinuousClock.now
        while try await batch() != nil {
            tell(ContinuousClock.now - begin)
            begin = .now
        }
    }

    /// Runs one batch in a transaction of its own.
    ///
    /// - Returns: What it has changed; nil when nothing is left, or others go on with all that is.
    /// - Throws: `DatabaseError`; a batch that failed is done by the next.
    package func batch() async throws -> Ending.Effects? {
        try await database.withTransaction { try Ending.goOn(in: $0) }
    }
}
