/// An operation that cannot be shown at all, because what its row holds is no operation of this program.
public struct UnreadableOperationView: Codable, Sendable, Hashable {
    /// The operation.
    public let uuid: OperationID
    /// The column, and what was expected of it.
    public let reason: String
}
