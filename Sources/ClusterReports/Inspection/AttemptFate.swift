import ClusterModel

/// The state or the end of an attempt, by the operation's row; pure.
struct AttemptFate {
    /// The operation's attempt, by the number of its delivery.
    let delivery: Int
    /// The node that runs it, or ran it.
    let node: NodeName?
    /// The word of its outcome; nil while it runs, and when the row does not tell any more.
    let outcome: String?
    let error: OperationFailure?
    private let isRunning: Bool
    private let isOver: Bool

    init(_ delivery: Int, of operation: Operation) {
        self.delivery = delivery
        isOver = operation.state.isTerminal
        isRunning = operation.state == .executing && operation.deliveries == delivery
        if let record = operation.attemptHistory.last(where: { $0.delivery == delivery }) {
            (node, outcome, error) = (record.node, record.outcome.rawValue, record.error)
        } else if isOver, operation.deliveries == delivery {
            (node, outcome, error) = (operation.worker?.node, operation.state.rawValue, operation.error)
        } else {
            (node, outcome, error) = (isRunning ? operation.worker?.node : nil, nil, nil)
        }
    }

    /// The same as a sentence.
    var text: String {
        let name = "attempt \(delivery)" + (node.map { " on \($0)" } ?? "")
        guard !isRunning else { return "\(name) is running" }
        let how =
            switch outcome.flatMap(AttemptRecord.Outcome.init(rawValue:)) {
            case .failed: "failed"
            case .deferred: "asked to be tried again later"
            case .reaped: "ended when its worker died"
            case .handedBack: "was interrupted when its worker stopped"
            case .takenOver: "was taken over by another node"
            case .nodeCannot: "could not be started there"
            case .unknown, nil: "ended" + (outcome.map { " with the operation: \($0)" } ?? "")
            }
        let why = error.map { ": \($0.code): \($0.message)" } ?? ""
        return "\(name) \(how)\(why)" + (isOver ? "" : "; the operation is to be tried again")
    }
}
