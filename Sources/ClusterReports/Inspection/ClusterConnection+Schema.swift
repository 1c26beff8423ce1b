import ClusterEngine
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Returns the state of the schema, whatever its version.
    package func schema() async throws -> SchemaView {
        SchemaView(try await read { try Migrations.migrator.status(on: $0) })
    }

    /// Brings the schema to this program's version, and makes procedures again that a restored dump has left out.
    ///
    /// - Throws: `ClusterOpsError` with code `notMigrated` when the database is newer than this program.
    package func migrate() async throws -> SchemaView {
        let logger = logger
        return SchemaView(
            try await read { session in
                let status = try Migrations.migrator.migrate(on: session, logger: logger)
                try Migrations.makeProcedures(on: session)
                return status
            }
        )
    }
}

extension ConnectionConfiguration {
    /// The longest that one step of a migration may take: an ALTER copies a table of millions of rows in minutes.
    private static let longestMigration: Duration = .seconds(6 * 3600)

    /// The same connection for migrations, whose statements are given hours.
    package var forMigrations: ConnectionConfiguration {
        var configuration = self
        configuration.timeouts.statement = .zero
        configuration.timeouts.read = Self.longestMigration
        return configuration
    }
}

extension SchemaView {
    fileprivate init(_ status: Migrator.Status) {
        self.init(version: status.version, binaryVersion: status.binaryVersion, migrated: status.isMigrated)
    }
}
