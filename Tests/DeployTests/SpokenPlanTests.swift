import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import ClusterModel

/// The witness of plans sees what it is there for.
@Suite(.timeLimit(.minutes(15))) struct SpokenPlanTests {
    @Test func `a walk through a backlog, a sort of one, and a lock without an index are seen`() async throws {
        try await withRoles { world in
            let user = try await world.user(.operator)
            try await world.cluster.addBacklog(20_000)
            try await world.cluster.addGuests(20_000)
            let id = OperationID.new()
            let statements: [SQL] = [
                "SELECT id FROM work_queue WHERE requester = 'x'",
                "SELECT f.id FROM finished_operations AS f WHERE f.requester = 'x'",
                "SELECT id FROM work_queue WHERE queue_name = 'any-background' ORDER BY requester LIMIT 1",
                "SELECT i.id FROM interfaces AS i WHERE i.address = '10.9.0.101'",
                "UPDATE work_queue SET lane = lane WHERE requester = 'x'",
                "SELECT id FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id) FOR UPDATE",
            ]
            try await user.withDatabase { database in
                try await database.withSession { session in
                    for statement in statements.dropLast() { _ = try session.execute(statement) }
                    for statement in statements.suffix(1) { _ = try session.query(statement) }
                }
            }
            let faulty = try await world.cluster.plans(of: user).filter { !$0.faults.isEmpty }.map(\.statement)
            #expect(Set(faulty) == Set(statements.dropLast().map(\.text)))
        }
    }
}
