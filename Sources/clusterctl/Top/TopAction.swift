import ClusterModel

/// A change that `top` makes once it was confirmed.
enum TopAction: Sendable {
    case retry, cancel

    /// The verb, as it is shown.
    var word: String {
        switch self {
        case .retry: "retry"
        case .cancel: "cancel"
        }
    }

    /// The reason why it cannot be done to an operation in this state, as far as that is known; the database decides.
    func refusal(in state: OperationState) -> String? {
        switch self {
        case .retry where !state.isTerminal: "it is \(state): what has not ended cannot be retried"
        case .retry where state == .complete: "it is complete: there is nothing to retry"
        case .cancel where state.isTerminal: "it has ended (\(state)): there is nothing to cancel"
        case .retry, .cancel: nil
        }
    }
}

/// A question that is open: whether to do it.
struct TopQuestion: Equatable {
    let action: TopAction
    let operation: OperationID
    /// Names the operation, so that nobody answers for another one.
    let text: String
}

/// A question or an order of the person at the keys, for the database.
enum TopRequest: Equatable, Sendable {
    case show(TopRow.ID)
    case act(TopAction, OperationID)
}

/// An answer to a request.
enum TopAnswer: Sendable {
    /// All that is known of an operation, with its state, or of a node.
    case detail(TopRow.ID, TextTable, OperationState?)
    case done(String)
    /// The reason why it was not done, or is not known to have been done.
    case refused(String)
}
