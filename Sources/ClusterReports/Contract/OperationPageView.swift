import ClusterModel

/// A part of all operations, newest first, as `op list` prints it.
package struct OperationPageView: Codable, Sendable {
    /// The operations that were found.
    package let items: [OperationView]
    /// The operations that belong to the page and cannot be shown.
    package let unreadable: [UnreadableOperationView]
    /// The operation after which the list goes on, to be given as `--after`; null at its end.
    @NullWhenUnknown package var next: OperationID?
}
