/// A list as answers carry it: `{"items": [...]}`.
public struct ListView<Item: Codable & Sendable>: Codable, Sendable {
    /// The items that were found, in the order that the command promises.
    public let items: [Item]

    /// Wraps the items.
    public init(_ items: [Item]) {
        self.items = items
    }
}
