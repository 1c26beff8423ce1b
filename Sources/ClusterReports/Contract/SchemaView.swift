import ClusterModel

/// The state of the schema, as `db status` and `db migrate` print it.
package struct SchemaView: Codable, Sendable, Hashable {
    /// The last finished migration; 0 for an empty schema.
    package let version: Int
    /// The last migration that this program knows.
    package let binaryVersion: Int
    /// A Boolean value that indicates whether the two are the same.
    package let migrated: Bool

    private enum CodingKeys: String, CodingKey {
        case version, migrated
        case binaryVersion = "binary_version"
    }
}
