import MariaDB

/// What dashboards ask for again and again, read once for all who ask at the same time; each is one statement.
struct Glances: Sendable {
    let status: SharedRead<StatusView>
    let services: SharedRead<ListView<ServiceView>>

    init(database: Database) {
        status = SharedRead { try await database.withSession { try StatusStatements.status(on: $0) } }
        services = SharedRead {
            ListView(try await database.withSession { try SupervisionStatements.services(on: $0) })
        }
    }
}
