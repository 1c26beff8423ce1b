import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Returns the state of the schema, whatever its version.
    package func schema() async throws -> SchemaView {
        SchemaView(try await read { try Migrations.migrator.status(on: $0) })
    }

    /// Creates the schema if it is not there, brings it to this program's version, and makes procedures again that a
    /// restored dump has left out.
    ///
    /// - Throws: `ClusterOpsError` with code `notMigrated` when the database is newer than this program, and with code
    ///   `notPermitted` when its user may not create the schema.
    package func migrate() async throws -> SchemaView {
        try await Self.translatingErrors {
            do {
                return try await migrateSchema()
            } catch let error as DatabaseError where .unknownDatabase ~= error {
                try await createSchema()
                return try await migrateSchema()
            }
        }
    }

    /// Returns what ``migrate()`` would do; changes nothing.
    ///
    /// - Throws: As `migrate`.
    package func migrationPlan() async throws -> MigrationPlanView {
        try await Self.translatingErrors {
            do {
                return MigrationPlanView(try await database.withSession { try Migrations.migrator.plan(on: $0) })
            } catch let error as DatabaseError where .unknownDatabase ~= error {
                return MigrationPlanView(Migrations.migrator.planFromNothing)
            }
        }
    }

    private func migrateSchema() async throws -> SchemaView {
        SchemaView(
            try await Migrations.migrator.migrate(
                database,
                lease: MigrationLease(holder: queue.requester),
                logger: logger,
                finish: { try Migrations.makeProcedures(on: $0) }
            )
        )
    }

    /// Two that do it at once both succeed, and one that is killed after it leaves an empty schema, as an administrator
    /// would.
    private func createSchema() async throws {
        let statement = Migrations.creation(ofSchema: database.schema ?? "")
        let server = database.withoutSchema()
        do {
            try await server.administer(statement)
            await server.close()
        } catch {
            await server.close()
            guard let error = error as? DatabaseError, .accessDeniedToDatabase ~= error else { throw error }
            throw ClusterOpsError(
                .notPermitted,
                "there is no schema '\(database.schema ?? "")', and the database's user may not create it: run "
                    + "\(statement) as the server's administrator, or as a user of the role migrator "
                    + "(\(error.reason))"
            )
        }
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
        self.init(
            version: status.version,
            floor: status.floor,
            binaryVersion: status.binaryVersion,
            migrated: status.isMigrated,
            usable: status.isUsable
        )
    }
}

extension MigrationPlanView {
    fileprivate init(_ plan: Migrator.Plan) {
        self.init(
            version: plan.status.version,
            steps: plan.steps.map { Step(version: $0.version, name: $0.name, additive: $0.isAdditive) },
            floor: plan.floor,
            programsWorkOn: plan.leavesProgramsWorking
        )
    }
}
