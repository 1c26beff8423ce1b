import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What counts of what sessions have registered.
@Suite(.timeLimit(.minutes(15))) struct RegistrationTests {
    private func definition(_ isCoalescible: Bool) throws -> TaskDefinition {
        TaskDefinition(
            name: try TaskName("backup"),
            kind: .command,
            isCoalescible: isCoalescible,
            maximumAttempts: 3,
            timeout: .seconds(60)
        )
    }

    @Test func `the registration of a dead worker does not keep a task of the living from coalescing`() async throws {
        try await withCluster { cluster in
            let (old, new) = (SessionID.new(), SessionID.new())
            for (name, session, isCoalescible) in [("h1", old, false), ("h2", new, true)] {
                let node = try await cluster.addNode(name)
                let opening = SessionStatements.Opening(
                    id: session,
                    daemon: .queueworker,
                    node: node,
                    nodeName: try NodeName(name),
                    pid: 1,
                    slots: 1,
                    doorbell: nil,
                    lease: .seconds(60)
                )
                let definitions = [try definition(isCoalescible)]
                try await cluster.database.withTransaction { transaction in
                    try SessionStatements.open(opening, on: transaction.session)
                    try TaskStatements.register(definitions, node: node, session: session, in: transaction)
                }
            }
            let request = OperationRequest(tasks: [try TaskName("backup")])
            for _ in 0..<2 { #expect(try await !cluster.queue.enqueue(request).deduplicated, "they disagree") }
            #expect(try await cluster.conflicts() == [try TaskName("backup")])

            try await cluster.database.withSession { try SessionStatements.close(old, on: $0) }
            _ = try await cluster.queue.enqueue(request)
            #expect(try await cluster.queue.enqueue(request).deduplicated, "whoever lives agrees")
            #expect(try await cluster.conflicts() == [])

            try await cluster.database.withSession { try SessionStatements.close(new, on: $0) }
            #expect(try await !cluster.queue.enqueue(request).deduplicated, "nobody lives, so all count")
            #expect(try await cluster.conflicts() == [try TaskName("backup")])
        }
    }

    @Test func `only a session whose counter rises is a twin, and each is told of once`() {
        var watch = TwinWatch()
        let (dead, living) = (SessionID.new(), SessionID.new())
        func twin(_ session: SessionID, _ renewals: UInt64) -> TwinWatch.Twin {
            TwinWatch.Twin(session: session, pid: 7, renewals: renewals, age: .seconds(1))
        }
        #expect(watch.observe([twin(dead, 9), twin(living, 4)]).isEmpty && !watch.isOver)
        #expect(watch.observe([twin(dead, 9), twin(living, 5)]).map(\.session) == [living])
        #expect(watch.observe([twin(dead, 9), twin(living, 6)]).isEmpty)
        #expect(watch.observe([]).isEmpty && watch.isOver)
    }
}

extension TestCluster {
    fileprivate func conflicts() async throws -> [TaskName] {
        try await database.withSession { try TaskStatements.conflicting(limit: 10, on: $0) }
    }
}
