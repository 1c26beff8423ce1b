import ClusterModel

/// An operation that cannot be shown at all, because what its row holds is no operation of this program.
package struct UnreadableOperationView: Codable, Sendable, Hashable {
    /// The operation.
    package let uuid: OperationID
    /// The column, and what was expected of it.
    package let reason: String
}
