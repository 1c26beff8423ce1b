import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Two transactions that meet at one operation, each order of them staged with two connections.
@Suite(.timeLimit(.minutes(15))) struct MeetingTests {
    private let noop = BuiltInTask.noop.name

    // MARK: Two parents of one child

    @Test func `two parents that end at once in two batches both count, and the child is ready after the second`()
        async throws
    {
        try await withCluster { cluster in
            let (claims, child) = try await cluster.claimedParents(2)
            let (first, second) = (claims[0], claims[1])
            let waited = try await cluster.whileEnding(first, .succeeded(result: nil)) {
                try await cluster.settle(second, .succeeded(result: nil))
            }
            #expect(waited.settled == [second.operation.id])
            #expect(waited.ready.map(\.description) == [child.queueName.description], "the second one makes it ready")
            let operation = try await cluster.operation(child.uuid)
            #expect(operation.state == .queued && operation.unmet == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test(arguments: [true, false])
    func `of two parents that end at once one fails, and the child is aborted once`(firstFails: Bool) async throws {
        try await withCluster { cluster in
            let (claims, child) = try await cluster.claimedParents(2)
            let failure = AttemptReport.failed(.init(code: "exit_1", message: "no"))
            let (first, second) = firstFails ? (failure, .succeeded(result: nil)) : (.succeeded(result: nil), failure)
            _ = try await cluster.whileEnding(claims[0], first) { try await cluster.settle(claims[1], second) }
            let operation = try await cluster.operation(child.uuid)
            #expect(operation.state == .aborted && operation.error != nil)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test func `crossed batches of four parents and two children end without a deadlock that anybody sees`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.register("reboot", attempts: 1)
            for round in 0..<20 {
                let request = OperationRequest(tasks: [try TaskName("reboot")])
                let parents = try await cluster.enqueueEach(request, count: 4)
                for children in [parents, parents.reversed()] {
                    _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: children))
                }
                var worker = try cluster.worker(commands: ["reboot"])
                let claims = try await worker.claim(4)
                try #require(claims.count == 4)
                let (even, odd, claimer) = ([claims[0], claims[3]], [claims[2], claims[1]], worker)
                async let first = claimer.settle(even, .succeeded(result: nil))
                async let second = claimer.settle(odd, .succeeded(result: nil))
                #expect(try await first.settled.count + second.settled.count == 4)
                #expect(try await worker.drain().count == 2, "round \(round)")
            }
        }
    }

    // MARK: A dependency that ends while its dependent comes

    @Test func `a dependent that comes while its dependency is ending waits for it, and needs not wait any more`()
        async throws
    {
        try await withCluster { cluster in
            let (claims, _) = try await cluster.claimedParents(1)
            let request = OperationRequest(tasks: [noop], dependsOn: [claims[0].operation.id])
            let receipt = try await cluster.whileEnding(claims[0], .succeeded(result: nil)) {
                try await cluster.queue.enqueue(request)
            }
            #expect(receipt.state == .queued)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test func `a dependent that comes while its dependency is failing is aborted`() async throws {
        try await withCluster { cluster in
            let (claims, _) = try await cluster.claimedParents(1)
            let request = OperationRequest(tasks: [noop], dependsOn: [claims[0].operation.id])
            let receipt = try await cluster.whileEnding(
                claims[0],
                .failed(.init(code: "exit_1", message: "no"))
            ) {
                try await cluster.queue.enqueue(request)
            }
            #expect(receipt.state == .aborted)
        }
    }

    @Test func `a dependency does not end under a dependent that is being enqueued, and releases it afterwards`()
        async throws
    {
        try await withCluster { cluster in
            let (claims, _) = try await cluster.claimedParents(1)
            let request = OperationRequest(tasks: [noop], id: .new(), dependsOn: [claims[0].operation.id])
            let queue = cluster.queue
            let enqueuer = try await Connection.open(cluster.configuration)
            let meanwhile = try await enqueuer.withTransaction { transaction in
                let work = try queue.enqueue([request], in: transaction)
                #expect(work.receipts.map(\.state) == [.blocked])
                return try blocking { try await cluster.settleOnce(claims[0], .succeeded(result: nil)) }
            }
            #expect(meanwhile.locked == [claims[0].operation.id], "it goes into the next batch")
            let result = try await cluster.settle(claims[0], .succeeded(result: nil))
            #expect(result.settled == [claims[0].operation.id])
            let dependent = try await cluster.operation(try #require(request.id))
            #expect(dependent.state == .queued && dependent.unmet == 0)
        }
    }

    // MARK: Adoption and start

    @Test func `a request that adopts what is just being claimed is seen by that run`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let blue = try NetworkName("blue")
            let update = BuiltInTask.networkApplyUpdateDNSMasq
            let request = OperationRequest(tasks: [update.name], target: .init(network: blue))
            let first = try await cluster.queue.enqueue(request).uuid
            var worker = try cluster.worker()
            try await worker.join()
            let identity = worker.identity
            let claimer = try await Connection.open(cluster.configuration)
            let (claims, adopted, version) = try await claimer.withTransaction { transaction in
                let claims = try Claiming.claimAndFold(
                    [first],
                    upTo: 1,
                    by: identity,
                    definitions: [update.name: update.definition],
                    in: transaction
                ).claims
                // The claim is not committed: to everybody else the operation still waits.
                let (adopted, version) = try blocking {
                    let version = try await cluster.bump(blue)
                    return (try await cluster.queue.enqueue(request), version)
                }
                return (claims, adopted, version)
            }
            #expect(claims.map(\.operation.id) == [first])
            #expect(adopted.uuid == first && adopted.deduplicated)
            // What the run reads now, after its COMMIT.
            #expect(try await cluster.generation(blue) >= version)
            let later = try await cluster.queue.enqueue(request)
            #expect(later.uuid != first && !later.deduplicated, "what runs is adopted by nobody")
        }
    }

    @Test func `a better lane for what is just being claimed waits for nobody for long, and changes nothing`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let update = BuiltInTask.networkApplyUpdateDNSMasq
            let target = OperationRequest.Target(network: try NetworkName("blue"))
            let slow = OperationRequest(tasks: [update.name], target: target, lane: .background)
            let urgent = OperationRequest(tasks: [update.name], target: target, lane: .userWaiting)
            let first = try await cluster.queue.enqueue(slow).uuid
            var worker = try cluster.worker()
            try await worker.join()
            let identity = worker.identity
            let claimer = try await Connection.open(cluster.configuration)
            let answer = Locked<OperationReceipt?>(nil)
            try await withThrowingDiscardingTaskGroup { group in
                try await claimer.withTransaction { transaction in
                    _ = try Claiming.claimAndFold(
                        [first],
                        upTo: 1,
                        by: identity,
                        definitions: [update.name: update.definition],
                        in: transaction
                    ).claims
                    try blocking {
                        // The improvement waits for the claimer's lock until the server gives up on it.
                        let receipt = try await cluster.queue.enqueue(urgent)
                        answer.update { $0 = receipt }
                    }
                }
                group.cancelAll()
            }
            #expect(answer.value?.uuid == first && answer.value?.deduplicated == true)
            let operation = try await cluster.operation(first)
            #expect(operation.state == .executing && operation.queue.lane == .background)
        }
    }
}

extension TestCluster {
    /// Operations that run, with a child that depends on all of them.
    fileprivate func claimedParents(_ count: Int) async throws -> (claims: [Claim], child: OperationReceipt) {
        try await register("reboot", attempts: 1)
        let parents = try await enqueueEach(OperationRequest(tasks: [try TaskName("reboot")]), count: count)
        let child = try await queue.enqueue(
            OperationRequest(tasks: [BuiltInTask.noop.name], dependsOn: parents)
        )
        var worker = try worker(commands: ["reboot"])
        return (try await worker.claim(count), child)
    }

    func enqueueEach(_ request: OperationRequest, count: Int) async throws -> [OperationID] {
        var ids: [OperationID] = []
        for _ in 0..<count { ids.append(try await queue.enqueue(request).uuid) }
        return ids
    }

    fileprivate func entry(_ claim: Claim, _ report: AttemptReport) -> Settling.Entry {
        Settling.Entry(id: claim.operation.id, delivery: claim.operation.deliveries, report: report)
    }

    func settleOnce(_ claim: Claim, _ report: AttemptReport) async throws -> Settling.Result {
        guard let session = claim.operation.worker?.session else { preconditionFailure("it is claimed") }
        return try await Settling(database: database).settle([entry(claim, report)], of: session)
    }

    func settle(_ claim: Claim, _ report: AttemptReport) async throws -> Settling.Result {
        while true {
            try Task.checkCancellation()
            let result = try await settleOnce(claim, report)
            if result.locked.isEmpty { return result }
        }
    }

    /// Ends a claim on a connection of its own, and lets something else wait for that before it commits.
    fileprivate func whileEnding<Result: Sendable>(
        _ claim: Claim,
        _ report: AttemptReport,
        _ other: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let ender = try await Connection.open(configuration)
        let entry = entry(claim, report)
        let outcome = Locked<Result?>(nil)
        try await withThrowingDiscardingTaskGroup { group in
            let hasBegun = Locked(false)
            group.addTask {
                try await eventually("the first has ended and not committed") { hasBegun.value }
                let result = try await other()
                outcome.update { $0 = result }
            }
            try await ender.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM work_queue WHERE id = \(entry.id) FOR UPDATE")
                _ = try Settling.apply([entry], random: 0, in: transaction)
                hasBegun.update { $0 = true }
                try blocking { try await eventually("the other waits") { try await lockWaits() > 0 } }
                #expect(outcome.value == nil, "it has waited")
            }
        }
        await ender.close()
        return try #require(outcome.value)
    }
}
