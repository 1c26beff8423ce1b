import ClusterModel

/// A part of all operations, newest first, as `op list` prints it.
package struct OperationPageView: Codable, Sendable {
    /// What was found.
    package let items: [OperationView]
    /// The operations that belong to the page and cannot be shown.
    package let unreadable: [UnreadableOperationView]
    /// Where the list goes on, to be given as `--after`; null at its end.
    @NullWhenUnknown package var next: OperationID?
}
