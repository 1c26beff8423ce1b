import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What rows do to others whose claim or end the database refuses.
@Suite(.timeLimit(.minutes(15))) struct PoisonRowTests {
    private let noop = BuiltInTask.noop.name

    @Test func `the schema bounds the counters of an operation`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            for column in ["deliveries", "failures", "defer_count", "max_attempts"] {
                await #expect(throws: DatabaseError.self) {
                    try await cluster.database.administer("UPDATE work_queue SET \(column) = 4294967295")
                }
            }
            await #expect(throws: DatabaseError.self) {
                try await cluster.execute("UPDATE work_queue SET max_attempts = 0")
            }
        }
    }

    @Test func `a row that cannot be taken is set aside and named, and keeps no other from being taken`() async throws {
        try await withCluster { cluster in
            let poison = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .userWaiting)).uuid
            try await cluster.execute("UPDATE work_queue SET deliveries = \(ExplanationFacts.mostDeliveries)")
            let others = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 20)
            var worker = try cluster.worker()
            let first = try await worker.claim(4)
            #expect(first.count == 4 && !first.contains { $0.operation.id == poison })
            #expect(worker.claiming.takeUnreadable().map(\.id) == [poison])
            #expect(try await worker.claim(4).count == 4, "it is passed over from then on")
            #expect(worker.claiming.takeUnreadable().isEmpty)
            #expect(others != poison)

            let connection = ClusterConnection(
                database: cluster.database,
                requester: "test",
                waker: NoWaker(),
                logger: .silent
            )
            #expect(try await connection.explanation(of: poison).reasons.first?.reason == .refused)
            let check = try await connection.diagnosis().checks.first { $0.check == "counters" }
            #expect(check?.findings.map { $0.message.contains("\(poison)") } == [true])
            #expect(try await cluster.queue.cancel(poison).state == .cancelled)
        }
    }

    @Test func `a poison row with an exclusive target, or in the middle of a batch, keeps no other from being taken`()
        async throws
    {
        try await withCluster { cluster in
            for network in ["blue", "green"] {
                try await cluster.addNetwork(network)
                _ = try await cluster.queue.enqueue(
                    OperationRequest(
                        tasks: [BuiltInTask.networkRemoveDHCPLease.name],
                        target: .init(network: try NetworkName(network))
                    )
                )
            }
            try await cluster.execute("UPDATE work_queue SET deliveries = 1000000000 WHERE network_name = 'blue'")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 5)
            try await cluster.execute(
                "UPDATE work_queue SET deliveries = 1000000000 WHERE queue_name = 'any-user_facing' ORDER BY id DESC LIMIT 2"
            )
            var worker = try cluster.worker()
            #expect(try await worker.claim(10).count == 4)
            #expect(worker.claiming.takeUnreadable().count == 3)
        }
    }

    @Test func `an outcome that the database never takes is given up, and its operation is not run again`() async throws
    {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            var worker = try cluster.worker()
            let claim = try #require(try await worker.claim().first)
            let (id, delivery) = (claim.operation.id, claim.operation.deliveries)
            let row = SessionStatements.Executing(id: id, delivery: delivery, isCancelRequested: false)
            let ledger = WorkLedger(slots: 1)
            let run = ledger.start(claim)
            let before = ledger.known
            _ = ledger.finish(Settling.Entry(id: id, delivery: delivery, report: .succeeded(result: nil)), of: run)
            let batch = ledger.takeBatch()
            #expect(ledger.unknown(among: [row], readAfter: ledger.known).isEmpty)
            ledger.settled(batch, again: [])
            #expect(ledger.unknown(among: [row], readAfter: before).isEmpty, "settled after the rows had been read")
            #expect(ledger.unknown(among: [row], readAfter: ledger.known).count == 1, "not ours, and not known before")
            ledger.abandon(batch[0])
            #expect(ledger.unknown(among: [row], readAfter: ledger.known).isEmpty)
        }
    }
}
