/// The state of an operation.
///
/// docs/operations.md draws the transitions; the schema's constraints hold the same rules.
public enum OperationState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Waits for dependencies.
    case blocked
    /// Waits for a worker, or for its time.
    case queued
    /// A worker runs it.
    case executing
    /// Rides on a primary, whose outcome it shares.
    case folded
    /// It did what was asked.
    case complete
    /// Its attempts are used up, or its time.
    case error
    /// A dependency that had to complete did not, or its node was removed.
    case aborted
    /// Somebody asked for its end.
    case cancelled

    /// A Boolean value that indicates whether it has ended; an ended operation never changes again.
    public var isTerminal: Bool {
        switch self {
        case .blocked, .queued, .executing, .folded: false
        case .complete, .error, .aborted, .cancelled: true
        }
    }

    /// The states that may follow this one.
    public var successors: Set<OperationState> {
        switch self {
        case .blocked: [.queued, .aborted, .cancelled, .error]
        case .queued: [.executing, .folded, .aborted, .cancelled, .error]
        case .executing: [.queued, .complete, .error, .aborted, .cancelled]
        case .folded: [.queued, .complete, .error, .aborted, .cancelled]
        case .complete, .error, .aborted, .cancelled: []
        }
    }
}
