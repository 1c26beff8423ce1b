import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Operations driven at random through everything that may happen to them, on a real database.
@Suite(.timeLimit(.minutes(15))) struct WalkTests {
    private enum Step: CaseIterable {
        case enqueue, enqueueAfter, claim, settle, reap, makeReady
    }

    @Test(arguments: (0..<4).map { _ in UInt64.random(in: .min ... .max) })
    func `a state only ever changes as the table of transitions says`(seed: UInt64) async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            try await cluster.register("reboot", attempts: 2)
            var walk = Walk(cluster, worker: try cluster.worker(commands: ["reboot"]), seed: seed)
            var before = try await cluster.states()
            var changes = 0
            for number in 0..<400 {
                let step = try await walk.step()
                let after = try await cluster.states()
                for (id, state) in before {
                    let next = try #require(after[id], "\(id) is gone after \(step), seed \(seed)")
                    guard next != state else { continue }
                    changes += 1
                    #expect(
                        state.successors.contains(next),
                        "\(step), the \(number)th of seed \(seed), made \(state) \(next)"
                    )
                }
                before = after
            }
            #expect(changes > 100, "\(changes) changes with seed \(seed)")
            try await walk.finish()
            let last = try await cluster.states()
            #expect(last.values.allSatisfy { $0.isTerminal }, "seed \(seed)")
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    private struct Walk {
        let cluster: TestCluster
        var worker: TestWorker
        var claims: [Claim] = []
        var known: [OperationID] = []
        let seed: UInt64
        var random: SeededGenerator

        init(_ cluster: TestCluster, worker: TestWorker, seed: UInt64) {
            self.cluster = cluster
            self.worker = worker
            self.seed = seed
            random = SeededGenerator(seed: seed)
        }

        mutating func step() async throws -> Step {
            let step = Step.allCases.randomElement(using: &random) ?? .claim
            switch step {
            case .enqueue, .enqueueAfter:
                var request = OperationRequest(tasks: [try TaskName("reboot")])
                if Bool.random(using: &random) {
                    request.tasks = [BuiltInTask.networkApplyUpdateDNSMasq.name]
                    request.target.network = try NetworkName("blue")
                    request.allowsDedup = Bool.random(using: &random)
                }
                if step == .enqueueAfter {
                    request.dependsOn = Array(known.shuffled(using: &random).prefix(2))
                    request.runsAfter = Array(known.shuffled(using: &random).prefix(1))
                }
                known.append(try await cluster.queue.enqueue(request).uuid)
            case .claim:
                claims += try await worker.claim(Int.random(in: 1...4, using: &random))
            case .settle:
                guard let claim = claims.randomElement(using: &random) else { break }
                claims.removeAll { $0.operation.id == claim.operation.id }
                let reports: [AttemptReport] = [
                    .succeeded(result: nil), .failed(.init(code: "exit_1", message: "no")), .deferred, .handedBack,
                ]
                try await worker.settle([claim], reports.randomElement(using: &random) ?? .handedBack)
            case .reap:
                // Its session was never opened. What it still believes to run is a zombie's.
                guard Int.random(in: 0..<4, using: &random) == 0 else { break }
                try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            case .makeReady:
                try await cluster.makeReady()
            }
            return step
        }

        func finish() async throws {
            try await worker.settle(claims, .succeeded(result: nil))
            try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            var worker = worker
            try await eventually("all have ended, seed \(seed)") {
                try await cluster.makeReady()
                _ = try await worker.drain()
                return try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
            }
        }
    }
}

extension TestCluster {
    /// The state of every operation, live or ended; one that is both fails.
    fileprivate func states() async throws -> [OperationID: OperationState] {
        let pairs = try await database.withSession { session in
            try session.query("SELECT id, state FROM work_queue UNION ALL SELECT id, state FROM finished_operations")
                .map { try $0.decode((OperationID, OperationState).self) }
        }
        #expect(Set(pairs.map(\.0)).count == pairs.count)
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
