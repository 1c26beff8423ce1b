/// A part of all operations, newest first, as `op list` prints it.
public struct OperationPageView: Codable, Sendable {
    /// What was found.
    public let items: [OperationView]
    /// The operations that belong to the page and cannot be shown.
    public let unreadable: [UnreadableOperationView]
    /// Where the list goes on, to be given as `--after`; null at its end.
    @NullWhenUnknown public var next: OperationID?
}
