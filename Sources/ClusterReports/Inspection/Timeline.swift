import ClusterEngine
import ClusterModel
import DatabaseTime
import MariaDB

/// The events of an operation, told from the columns of its row; pure.
///
/// A claim and its start are one statement, and each attempt that did not end the operation left a record, so nothing
/// is written on the hot path for the timeline.
struct Timeline {
    private(set) var events: [TimelineEvent] = []

    init(_ operation: Operation, adoptions: [(requester: String, at: Timestamp)], now: Timestamp) {
        add(operation.enqueuedAt, .enqueued, ["requester": .string(operation.requester)])
        for adoption in adoptions { add(adoption.at, .deduplicated, ["requester": .string(adoption.requester)]) }
        addReady(operation, now: now)
        addAttempts(operation)
        if let foldedAt = operation.foldedAt {
            let primary = operation.foldedInto ?? operation.unfoldedFrom
            add(foldedAt, .folded, ["into": primary.map { .string($0.description) } ?? .null])
        }
        if let unfoldedAt = operation.unfoldedAt {
            add(unfoldedAt, .unfolded, ["from": operation.unfoldedFrom.map { .string($0.description) } ?? .null])
        }
        if let requestedAt = operation.cancelRequestedAt {
            add(requestedAt, .cancelRequested, ["requester": operation.cancelRequester.map { .string($0) } ?? .null])
        }
        if let finishedAt = operation.finishedAt {
            add(finishedAt, .ended, ["state": .string(operation.state.rawValue)])
        }
        events = events.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private mutating func add(
        _ at: Timestamp,
        _ event: TimelineEvent.Event,
        _ details: [String: JSONValue] = [:]
    ) {
        events.append(TimelineEvent(at: at, event, details))
    }

    /// The row's `ready_at` is the last one; an operation that never became ready has one too.
    private mutating func addReady(_ operation: Operation, now: Timestamp) {
        let neverWas = operation.state == .aborted && operation.error?.code != AbortReason.codes.nodeRemoved
        guard operation.unmet == 0, !neverWas,
            operation.readyAt <= operation.finishedAt ?? now
        else { return }
        add(operation.readyAt, .ready, ["queue_name": .string(operation.queue.description)])
    }

    private mutating func addAttempts(_ operation: Operation) {
        var (deferrals, waited) = (0, 0.0)
        for record in operation.attemptHistory {
            if let startedAt = record.startedAt {
                waited += record.waitSeconds
                let start = Start(at: startedAt, delivery: record.delivery, node: record.node, waited: waited)
                addStart(start, of: operation, deferrals: deferrals)
            }
            var details: [String: JSONValue] = ["delivery": .integer(Int64(record.delivery))]
            if let node = record.node { details["node"] = .string(node.description) }
            if let error = record.error {
                details["code"] = .string(error.code)
                details["message"] = .string(error.message)
            }
            add(record.endedAt, TimelineEvent.Event(record.outcome), details)
            if record.outcome == .deferred { deferrals += 1 }
        }
        // What a follower has in these columns is its primary's.
        guard operation.foldedInto == nil else { return }
        let isRecorded = operation.attemptHistory.contains { $0.delivery == operation.deliveries }
        if let startedAt = operation.startedAt, !isRecorded {
            let start = Start(
                at: startedAt,
                delivery: operation.deliveries,
                node: operation.worker?.node,
                waited: operation.waitSeconds() ?? 0
            )
            addStart(start, of: operation, deferrals: operation.deferCount)
        }
        let failed = operation.attemptHistory.count { $0.outcome == .failed }
        if let finishedAt = operation.finishedAt, let error = operation.error, operation.failures > failed {
            add(
                finishedAt,
                .attemptFailed,
                [
                    "delivery": .integer(Int64(operation.deliveries)),
                    "code": .string(error.code),
                    "message": .string(error.message),
                ]
            )
        }
    }

    /// One start of an operation.
    private struct Start {
        let at: Timestamp
        let delivery: Int
        let node: NodeName?
        /// The time that it had waited by then, over all its deliveries, in seconds.
        let waited: Double
    }

    private mutating func addStart(_ start: Start, of operation: Operation, deferrals: Int) {
        var details: [String: JSONValue] = ["delivery": .integer(Int64(start.delivery))]
        if let node = start.node { details["node"] = .string(node.description) }
        add(start.at, .claimed, details)
        details["wait_seconds"] = .number(start.waited)
        details["defer_count"] = .integer(Int64(deferrals))
        details["queue_name"] = .string(operation.queue.description)
        add(start.at, .startedExecuting, details)
    }
}

extension TimelineEvent.Event {
    fileprivate init(_ outcome: AttemptRecord.Outcome) {
        self =
            switch outcome {
            case .failed: .attemptFailed
            case .deferred: .deferred
            // Of a newer program: it came back, whatever for.
            case .unknown: .handedBack
            case .reaped: .reaped
            case .handedBack, .nodeCannot: .handedBack
            case .takenOver: .takenOver
            }
    }
}
