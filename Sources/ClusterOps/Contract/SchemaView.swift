/// Where the schema stands, as `db status` and `db migrate` print it.
public struct SchemaView: Codable, Sendable, Hashable {
    /// The last finished migration; 0 for an empty schema.
    public let version: Int
    /// The last migration that this program knows.
    public let binaryVersion: Int
    /// Whether the two are the same.
    public let migrated: Bool

    private enum CodingKeys: String, CodingKey {
        case version, migrated
        case binaryVersion = "binary_version"
    }
}
