import Foundation
import MariaDB

extension ClusterConnection {
    /// Looks at everything that has to be so; never changes anything.
    ///
    /// What the rows of operations say is read in one snapshot, so that what changes meanwhile is not taken for a fault.
    /// - Throws: `ClusterOpsError` with code `unreachable` when there is no database to ask.
    package func diagnosis() async throws -> DoctorView {
        let schema = try await schema()
        var checks = [DoctorCheck.schema.view(of: DoctorCheck.findings(of: schema))]
        checks.append(DoctorCheck.clock.view(of: DoctorCheck.findings(ofClockDifference: try await clockDifference())))
        checks += try await read { session in DoctorCheck.ofServer.map { $0.view(on: session) } }
        let rest = DoctorCheck.ofSchema + [DoctorCheck.doorbells]
        guard schema.migrated else {
            checks += rest.map { $0.notRun("the schema is not this program's", remedy: "see the check 'schema'") }
            return DoctorView(checks: checks)
        }
        checks += try await snapshot { session in DoctorCheck.ofSchema.map { $0.view(on: session) } }
        checks.append(try await doorbells())
        return DoctorView(checks: checks)
    }

    private func doorbells() async throws -> CheckView {
        let addresses = try await read { session in
            try [DaemonName.queueworker, .netnode].flatMap {
                try SessionStatements.doorbells($0, node: nil, on: session)
            }
        }
        let refusing = try await DoorbellProbe.refusing(among: addresses)
        return DoctorCheck.doorbells.view(of: DoctorCheck.findings(ofDeadDoorbells: refusing))
    }

    /// How many seconds this machine is ahead of the database; half of the round trip is the error.
    private func clockDifference() async throws -> Double {
        // The first statement of a connection is no measure: it opens it.
        _ = try await read { try OperationStatements.now(on: $0) }
        let before = Date().timeIntervalSince1970
        let there = try await read { try OperationStatements.now(on: $0) }
        let after = Date().timeIntervalSince1970
        return (before + after) / 2 - Double(there.microseconds) / 1_000_000
    }
}

extension DoctorView {
    fileprivate init(checks: [CheckView]) {
        self.init(healthy: checks.allSatisfy { $0.state == .ok }, checks: checks)
    }
}
