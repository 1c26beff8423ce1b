/// The outcome of an operation that has ended.
public struct OperationOutcome: Sendable, Hashable {
    /// `complete`, `error`, `aborted` or `cancelled`.
    public let state: OperationState
    /// The reason why it did not complete; nil exactly when it did.
    public let failure: OperationFailure?
    /// The result of the last of its tasks that gave one, as JSON text.
    public let result: String?
    /// The reason why what it printed is not kept as its result; nil when nothing was left out.
    package let resultOmitted: String?
    /// 1 when the end is a failed attempt, for the row's count.
    package let countsAsFailure: Int
    /// The dependency whose end aborted it, if one did.
    package let failedDependency: OperationID?

    private init(
        state: OperationState,
        failure: OperationFailure?,
        result: String?,
        resultOmitted: String? = nil,
        countsAsFailure: Int = 0,
        failedDependency: OperationID? = nil
    ) {
        self.state = state
        self.failure = failure
        self.result = result
        self.resultOmitted = resultOmitted
        self.countsAsFailure = countsAsFailure
        self.failedDependency = failedDependency
    }

    /// Reads the outcome of an operation; nil while it lives.
    package init?(_ operation: Operation) {
        guard operation.state.isTerminal else { return nil }
        self.init(state: operation.state, failure: operation.error, result: operation.result)
    }

    package static func complete(result: String?, omitted: String? = nil) -> OperationOutcome {
        OperationOutcome(
            state: .complete,
            failure: nil,
            result: result,
            // The column's length; reasons name limits, and a key at most.
            resultOmitted: omitted.map { String($0.prefix(255)) }
        )
    }

    /// Ends it for good; `afterAttempt` says that a failed attempt was the last straw.
    package static func error(_ failure: OperationFailure, afterAttempt: Bool) -> OperationOutcome {
        OperationOutcome(state: .error, failure: failure, result: nil, countsAsFailure: afterAttempt ? 1 : 0)
    }

    /// Ends it because its time is over.
    package static func pastDeadline(_ message: String) -> OperationOutcome {
        .error(OperationFailure(code: "deadline_passed", message: message), afterAttempt: false)
    }

    package static func aborted(_ reason: AbortReason) -> OperationOutcome {
        OperationOutcome(
            state: .aborted,
            failure: OperationFailure(code: reason.code, message: "\(reason)"),
            result: nil,
            failedDependency: reason.dependency
        )
    }

    package static func cancelled(_ message: String) -> OperationOutcome {
        OperationOutcome(
            state: .cancelled,
            failure: OperationFailure(code: "cancelled", message: message),
            result: nil
        )
    }

    /// The longest result, in bytes, so that a row of history stays readable; a longer one is left out, and that is
    /// noted.
    package static let longestResult = 65_536
}

/// The reason why an operation was aborted.
package enum AbortReason: Sendable, Hashable, CustomStringConvertible {
    case dependencyEnded(OperationID, OperationState)
    case nodeRemoved(NodeName)

    /// A word for scripts.
    package static let codes = (dependencyEnded: "dependency_failed", nodeRemoved: "node_removed")

    package var code: String {
        switch self {
        case .dependencyEnded: Self.codes.dependencyEnded
        case .nodeRemoved: Self.codes.nodeRemoved
        }
    }

    /// The dependency that did not complete, if that is the reason.
    package var dependency: OperationID? {
        if case .dependencyEnded(let id, _) = self { id } else { nil }
    }

    package var description: String {
        switch self {
        case .dependencyEnded(let id, let state): "dependency \(id) ended \(state.rawValue)"
        case .nodeRemoved(let name): "its node '\(name)' was removed"
        }
    }
}
