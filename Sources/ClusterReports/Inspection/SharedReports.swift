import ClusterStore
import MariaDB

/// The reports that dashboards ask for again and again, read once for all who ask at the same time; each is one
/// statement.
package struct SharedReports: Sendable {
    package let status: SharedRead<StatusView>
    package let services: SharedRead<ListView<ServiceView>>

    package init(database: Database) {
        status = SharedRead { try await database.withSession { try StatusView(StatusStatements.rows(on: $0)) } }
        services = SharedRead {
            try await database.withSession { try SupervisionStatements.services(on: $0) }.view
        }
    }
}
