/// The state of the schema, as `db status` and `db migrate` print it.
package struct SchemaView: Codable, Sendable, Hashable {
    /// The last finished migration; 0 for an empty schema.
    package let version: Int
    /// The compatibility floor: the oldest version whose programs work with the schema.
    package let floor: Int
    /// The last migration that this program knows.
    package let binaryVersion: Int
    /// A Boolean value that indicates whether all migrations that this program knows are done.
    package let migrated: Bool
    /// A Boolean value that indicates whether this program works with the schema.
    package let usable: Bool

    private enum CodingKeys: String, CodingKey {
        case version, floor, migrated, usable
        case binaryVersion = "binary_version"
    }
}

/// The migrations that `db migrate` would run, as `db migrate --check` prints them.
package struct MigrationPlanView: Codable, Sendable, Hashable {
    /// One migration.
    package struct Step: Codable, Sendable, Hashable {
        package let version: Int
        package let name: String
        /// A Boolean value that indicates whether programs that do not know it work on after it.
        package let additive: Bool
    }

    /// The last finished migration; 0 for an empty schema.
    package let version: Int
    /// The missing steps, in order.
    package let steps: [Step]
    /// The oldest version whose programs work with the schema afterwards.
    package let floor: Int
    /// A Boolean value that indicates whether programs of the schema's present version work on afterwards.
    package let programsWorkOn: Bool

    private enum CodingKeys: String, CodingKey {
        case version, steps, floor
        case programsWorkOn = "programs_work_on"
    }
}
