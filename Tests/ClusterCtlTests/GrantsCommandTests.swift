import ClusterOpsTestKit
import ClusterStore
import Testing

@Suite struct GrantsCommandTests {
    @Test(arguments: DatabaseRole.allCases)
    func `db grants answers as documented, without a database`(_ role: DatabaseRole) async throws {
        let run = try await ProgramRun.run(
            try BuiltProduct.path("clusterctl"),
            ["db", "grants", role.rawValue, "-o", "json"],
            environment: [:]
        )
        #expect(run.status == 0)
        #expect(try Golden("db-grants").differences(from: run.output) == [])
    }
}
