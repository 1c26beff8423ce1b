import ClusterEngine
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Returns the role of the connection's user by the rights that it holds; nil where it holds those of none.
    package func role() async throws -> DatabaseRole? {
        let (role, missing) = try await read { try DoctorStatements.privileges(on: $0).held }.nearest
        return missing.isEmpty ? role : nil
    }
}
