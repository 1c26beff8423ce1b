import ClusterModel

/// The facts that are known of an operation whose row this program cannot decode.
package struct UnreadableOutline: Sendable {
    package let id: OperationID
    package let state: OperationState
    package let queueName: String
    package let isCancelRequested: Bool
    /// A Boolean value that indicates whether it executes under a session that is dead.
    package var isWorkerGone = false
}
