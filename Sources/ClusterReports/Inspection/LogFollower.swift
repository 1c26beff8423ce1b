import ClusterEngine
import ClusterModel
import ClusterStore

/// Decides what is told to who follows the output of an operation, read by read; pure.
struct LogFollower: Sendable {
    /// The operation as one read found it.
    struct Look: Sendable {
        let operation: Operation
        /// A Boolean value that indicates whether the session of the worker that runs it is over.
        let isWorkerGone: Bool
    }

    /// The step after a read.
    enum Step {
        case goOn
        case wait
        case done
    }

    private let attempt: Int?
    /// The operation whose output is told; a follower's primary may give it back.
    private var subject: OperationID?
    private var cursor: LogCursor?
    private var hasToldWait = false
    private var hasToldGone = false
    private var hasToldEnd = false

    init(attempt: Int?) {
        self.attempt = attempt
    }

    /// Chooses an attempt; nil when none has begun.
    static func choose(_ attempt: Int?, of operation: Operation) throws(ClusterOpsError) -> Int? {
        let last = operation.deliveries
        guard let attempt else { return last > 0 ? last : nil }
        guard attempt <= last else {
            let count = last == 1 ? "1 attempt" : "\(last) attempts"
            throw ClusterOpsError(
                .notFound,
                "operation '\(operation.id)' has had \(count), there is no attempt \(attempt)"
            )
        }
        return attempt
    }

    /// Chooses the attempt whose output is read now; nil when none has begun.
    mutating func begin(_ look: Look) throws(ClusterOpsError) -> LogCursor? {
        if look.operation.id != subject { turn(to: look.operation.id, cursor: nil) }
        if cursor == nil, let delivery = try Self.choose(attempt, of: look.operation) {
            cursor = LogCursor(delivery: delivery)
        }
        return cursor
    }

    private mutating func turn(to operation: OperationID, cursor: LogCursor?) {
        subject = operation
        self.cursor = cursor
        (hasToldWait, hasToldGone, hasToldEnd) = (false, false, false)
    }

    private func isOver(_ cursor: LogCursor, _ look: Look) -> Bool {
        look.operation.state != .executing || look.operation.deliveries > cursor.delivery
    }

    /// Takes what was read after `look`; returns what to tell of it.
    mutating func take(_ tails: [OutputTail], _ look: Look) -> [OutputView] {
        guard var cursor else { return [] }
        let isLast = isOver(cursor, look)
        let pieces = tails.compactMap { cursor.take($0, of: look.operation, isLast: isLast) }
        self.cursor = cursor
        return pieces
    }

    /// Returns what there is to say of the attempt, each once.
    mutating func notices(_ look: Look) -> [String] {
        let operation = look.operation
        guard let cursor else {
            guard !hasToldWait else { return [] }
            hasToldWait = true
            return ["operation \(operation.id) is \(operation.state.rawValue): no attempt has begun"]
        }
        if isOver(cursor, look) {
            guard !hasToldEnd else { return [] }
            hasToldEnd = true
            return [AttemptFate(cursor.delivery, of: operation).text]
        }
        guard look.isWorkerGone, !hasToldGone else { return [] }
        hasToldGone = true
        let name = "attempt \(cursor.delivery)" + (operation.worker.map { " on \($0.node)" } ?? "")
        return ["the worker of \(name) is gone: the end of its output may be missing"]
    }

    /// Decides what comes next.
    mutating func next(_ look: Look) -> Step {
        let isEnded = look.operation.state.isTerminal
        guard let cursor else { return isEnded ? .done : .wait }
        guard isOver(cursor, look) else { return .wait }
        if attempt != nil { return .done }
        guard look.operation.deliveries > cursor.delivery else { return isEnded ? .done : .wait }
        turn(to: look.operation.id, cursor: LogCursor(delivery: cursor.delivery + 1))
        return .goOn
    }
}
