import NetNode
import Testing

/// For how long servers may run, and what was begun while they might.
@Suite struct ServerPermitTests {
    @Test func `what was begun before all servers were to end does not go on once they may run again`() throws {
        let permit = ServerPermit(isOpen: false)
        #expect(throws: ServersClosed.self) { try permit.begin() }
        permit.open(for: .readiness)
        let first = try permit.begin()
        permit.open(for: .tenure)
        #expect(!permit.close(for: [.readiness]), "they are needed for the tenure")
        try permit.check(first)
        #expect(permit.close(for: [.tenure]))
        #expect(!permit.isOpen && !permit.lasts(first))
        permit.open(for: .tenure)
        #expect(!permit.lasts(first))
        #expect(throws: ServersClosed.self) { try permit.check(first) }
        try permit.check(permit.begin())
    }
}
