import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// Something that somebody who follows an operation's output is told.
package enum LogEvent: Sendable {
    /// A command has printed.
    case output(OutputView)
    /// A sentence on what became of an attempt, or what is waited for.
    case notice(String)
}

extension ClusterConnection {
    /// Reads what the commands of one attempt have printed, as it was at one moment.
    ///
    /// - Parameters:
    ///   - id: The operation; of a follower, its primary's output is read.
    ///   - attempt: The attempt, by the number of its delivery; nil is the last one.
    ///   - stream: Of which stream; nil is both.
    /// - Returns: The output, and a sentence on what became of the attempt.
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere, and an attempt that there was not.
    package func log(
        of id: OperationID,
        attempt: Int?,
        stream: StandardStream?
    ) async throws -> (view: OperationLogView, fate: String) {
        try await snapshot { session in
            let operation = try Self.runner(of: id, on: session)
            let deliveries = try OutputStatements.deliveries(of: operation.id, on: session)
            guard let delivery = try LogFollower.choose(attempt, of: operation) else {
                let view = OperationLogView(
                    uuid: operation.id,
                    state: operation.state,
                    delivery: nil,
                    node: nil,
                    outcome: nil,
                    error: nil,
                    deliveries: [],
                    items: []
                )
                return (view, "operation \(operation.id) is \(operation.state.rawValue): no attempt has begun")
            }
            var cursor = LogCursor(delivery: delivery)
            let tails = try Self.news(of: operation.id, cursor, stream, on: session)
            let fate = AttemptFate(delivery, of: operation)
            let view = OperationLogView(
                uuid: operation.id,
                state: operation.state,
                delivery: delivery,
                node: fate.node,
                outcome: fate.outcome,
                error: fate.error,
                deliveries: deliveries,
                items: tails.compactMap { cursor.take($0, of: operation, isLast: true) }
            )
            return (view, fate.text)
        }
    }

    /// The time between two reads of who follows: with the pause of the worker that writes, output is seen within a
    /// second.
    static let logPace: Duration = .milliseconds(250)

    /// Tells what the commands of an operation print, from the attempt that runs, or ran last, until the operation
    /// ends; of a given attempt until that ends.
    ///
    /// - Parameters:
    ///   - id: The operation; of a follower, its primary's output is told.
    ///   - attempt: The attempt, by the number of its delivery; nil is the last one, and all that come after it.
    ///   - stream: Of which stream; nil is both.
    ///   - tell: Is given what is printed, in the order of each stream, and what becomes of the attempts.
    /// - Throws: As `log(of:attempt:stream:)`, and what `tell` throws.
    package func followLog(
        of id: OperationID,
        attempt: Int?,
        stream: StandardStream?,
        tell: (LogEvent) throws -> Void
    ) async throws {
        var follower = LogFollower(attempt: attempt)
        while true {
            // The row first: what an attempt has printed is complete once its end is seen.
            let look = try await read { session in
                let operation = try Self.runner(of: id, on: session)
                guard operation.state == .executing else {
                    return LogFollower.Look(operation: operation, isWorkerGone: false)
                }
                let isGone = try ExplanationStatements.isGone(operation.worker?.session, on: session)
                return LogFollower.Look(operation: operation, isWorkerGone: isGone)
            }
            if let cursor = try follower.begin(look) {
                let tails = try await read { try Self.news(of: look.operation.id, cursor, stream, on: $0) }
                for piece in follower.take(tails, look) { try tell(.output(piece)) }
            }
            for notice in follower.notices(look) { try tell(.notice(notice)) }
            switch follower.next(look) {
            case .done: return
            case .goOn: continue
            case .wait:
                // The worker writes output into the database and tells nobody, so the row is read again.
                try await Task.sleep(for: Self.logPace)
            }
        }
    }

    /// Reads the operation that does, or did, the work of one: of a follower its primary.
    private static func runner(of id: OperationID, on session: borrowing Session) throws -> Operation {
        let operation = try found(id, on: session)
        let isFollower = operation.state == .folded || (operation.state.isTerminal && operation.deliveries == 0)
        guard isFollower, let primary = operation.foldedInto else { return operation }
        return try found(primary, on: session)
    }

    private static func found(_ id: OperationID, on session: borrowing Session) throws -> Operation {
        let (operations, unreadable) = try OperationStatements.shown([id], on: session)
        if let unreadable = unreadable.first {
            throw ClusterOpsError(.internalFailure, "operation '\(id)' cannot be read: \(unreadable.reason)")
        }
        guard let operation = operations.first else { throw OperationQueue.notFound(id) }
        return operation
    }

    /// Reads what was printed after what a cursor has told; stdout before stderr.
    private static func news(
        of id: OperationID,
        _ cursor: LogCursor,
        _ stream: StandardStream?,
        on session: borrowing Session
    ) throws -> [OutputTail] {
        var tails: [OutputTail] = []
        let totals = try OutputStatements.totals(of: id, delivery: cursor.delivery, on: session)
            .sorted { ($0.place, $1.stream.rawValue) < ($1.place, $0.stream.rawValue) }
        for total in totals where (stream ?? total.stream) == total.stream && total.bytes > cursor.known(total) {
            let (delivery, known) = (cursor.delivery, cursor.known(total))
            let tail = try OutputStatements.tail(of: id, delivery: delivery, total, after: known, on: session)
            if let tail { tails.append(tail) }
        }
        return tails
    }
}
