import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct FoldTests {
    @Test func `what waits for the same work rides on the one that starts, in any lane`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let ids = try await cluster.enqueue(task, on: "blue", lanes: Lane.allCases)
            let other = try await cluster.enqueue(task, on: "green", lanes: [.background])
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [ids[0], other[0]])
            #expect(claims[0].folded == [task, task, task, task] && claims[1].folded.isEmpty)
            for id in ids.dropFirst() {
                let follower = try await cluster.operation(id)
                #expect(follower.state == .folded && follower.foldedInto == ids[0] && follower.foldedAt != nil)
            }
            try await worker.settle([claims[0]], .succeeded(result: "{\"done\":true}"))
            for id in ids {
                let ended = try await cluster.operation(id)
                #expect(ended.state == .complete && ended.result == "{\"done\":true}")
                #expect(ended.startedAt == claims[0].operation.startedAt, "a follower's start is its primary's")
            }
        }
    }

    @Test func `followers share the primary's failure, and stay with it through its retries`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(
                BuiltInTask.networkApplyUpdateDNSMasq.name,
                on: "blue",
                lanes: [.userFacing, .background]
            )
            var worker = try cluster.worker()
            for attempt in 1...8 {
                let claims = try await worker.claim()
                #expect(claims.map(\.operation.id) == [ids[0]], "attempt \(attempt)")
                try await worker.settle(claims, .failed(.init(code: "broken", message: "attempt \(attempt)")))
                if attempt < 8 {
                    #expect(try await cluster.operation(ids[1]).state == .folded)
                    try await cluster.makeReady()
                }
            }
            for id in ids {
                let ended = try await cluster.operation(id)
                #expect(ended.state == .error && ended.error?.message == "attempt 8")
            }
            let primary = try await cluster.operation(ids[0])
            #expect(primary.attempts == 8 && primary.deliveries == 8 && primary.attemptHistory.count == 7)
        }
    }

    @Test func `an operation that was started once never becomes a follower`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let first = try await cluster.enqueue(task, on: "blue", lanes: [.background])[0]
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "broken", message: "once")))
            try await cluster.makeReady()
            let second = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [second] && claims[0].folded.isEmpty)
            #expect(try await cluster.operation(first).state == .queued)
        }
    }

    @Test func `an operation that was started after it was found waiting is not folded`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let found = try await cluster.enqueue(task, on: "blue", lanes: [.background])
            func locked() async throws -> [OperationID] {
                try await cluster.database.withTransaction { try ClaimStatements.lockSiblings(found, in: $0).map(\.id) }
            }
            #expect(try await locked() == found)
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "broken", message: "once")))
            #expect(try await cluster.operation(found[0]).state == .queued)
            #expect(try await locked().isEmpty)
        }
    }

    @Test func `a follower that was given back after it was found is none of its earlier primary's`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let ids = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "broken", message: "once")))
            func locked() async throws -> [OperationID] {
                try await cluster.database.withTransaction { transaction in
                    try EndingStatements.lockFollowers([ids[1]], in: transaction).map(\.id)
                }
            }
            #expect(try await locked() == [ids[1]])
            #expect(try await cluster.queue.cancel(ids[0]).unfolded == [ids[1]])
            #expect(try await locked().isEmpty)
        }
    }

    @Test(arguments: [("{\"a\":1}", nil), (nil, Duration.seconds(600))] as [(String?, Duration?)])
    func `an operation with parameters or a deadline of its own carries no other`(
        parameters: String?,
        deadline: Duration?
    ) async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            var request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: try NetworkName("blue"))
            )
            (request.parameters, request.deadline) = (parameters, deadline)
            let own = try await cluster.queue.enqueue(request).uuid
            (request.parameters, request.deadline) = (nil, nil)
            let plain = try await cluster.queue.enqueue(request).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim(1)
            #expect(claims.map(\.operation.id) == [own] && claims[0].folded.isEmpty)
            #expect(try await cluster.operation(plain).state == .queued)
        }
    }

    @Test func `a primary of several tasks covers each of its coalescible ones`() async throws {
        try await withCluster { cluster in
            let update = BuiltInTask.networkApplyUpdateDNSMasq.name
            let create = BuiltInTask.networkApplyCreateNetworkNode.name
            let single = try await cluster.enqueue(update, on: "blue", lanes: [.background])[0]
            let both = try await cluster.queue.enqueue(
                OperationRequest(tasks: [create, update], target: .init(network: try NetworkName("blue")))
            )
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [both.uuid] && claims[0].folded == [update])
            #expect(try await cluster.operation(single).foldedInto == both.uuid)
        }
    }

    @Test func `requests from twenty connections, some in transactions of their own, each see a run after them`()
        async throws
    {
        let (clients, each) = (20, 15)
        try await withCluster(connections: 32) { cluster in
            try await cluster.addNetwork("blue")
            let blue = try NetworkName("blue")
            let request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: blue)
            )
            let needs = Locked([OperationID: Int]())
            let seen = Locked([OperationID: Int]())
            let enqueuing = Locked(clients)
            try await withThrowingDiscardingTaskGroup { group in
                for client in 0..<clients {
                    group.addTask {
                        for round in 0..<each {
                            let generation = try await cluster.bump(blue)
                            let id: OperationID
                            if (client + round) % 3 == 0 {
                                let queue = cluster.queue
                                id = try await cluster.database.withTransaction { transaction in
                                    try queue.enqueue([request], in: transaction).receipts[0].uuid
                                }
                            } else {
                                id = try await cluster.queue.enqueue(request).uuid
                            }
                            needs.update { $0[id] = max($0[id] ?? 0, generation) }
                        }
                        enqueuing.update { $0 -= 1 }
                    }
                }
                for number in 1...2 {
                    group.addTask {
                        var worker = try cluster.worker("h\(number)")
                        while true {
                            try Task.checkCancellation()
                            let last = enqueuing.value == 0
                            let claims = try await worker.claim()
                            for claim in claims {
                                let generation = try await cluster.generation(blue)
                                seen.update { $0[claim.operation.id] = generation }
                            }
                            try await worker.settle(claims, .succeeded(result: nil))
                            if claims.isEmpty, last { return }
                        }
                    }
                }
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0, "nobody is left behind")
            for (id, need) in needs.value {
                let operation = try await cluster.operation(id)
                #expect(operation.state == .complete)
                let read = try #require(seen.value[operation.foldedInto ?? id])
                #expect(read >= need, "the run of \(id) read \(read), its request needed \(need)")
            }
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE folded_into IS NOT NULL") > 0
            )
            #expect(seen.value.count < clients * each / 2, "folds and dedups fired")
        }
    }
}

extension TestCluster {
    /// Enqueues separate operations of one coalescible task, one for each lane, as callers in transactions do.
    func enqueue(_ task: TaskName, on network: String, lanes: [Lane]) async throws -> [OperationID] {
        if try await count("SELECT COUNT(*) FROM networks WHERE name = \(network)") == 0 {
            try await addNetwork(network)
        }
        let name = try NetworkName(network)
        var ids: [OperationID] = []
        for lane in lanes {
            let request = OperationRequest(tasks: [task], target: .init(network: name), lane: lane, allowsDedup: false)
            ids.append(try await queue.enqueue(request).uuid)
        }
        return ids
    }

    /// Ends every back-off.
    func makeReady() async throws {
        try await execute("UPDATE work_queue SET ready_at = NOW(6) WHERE state = 'queued'")
    }

    /// Changes a network's wanted state, and returns the generation that it got.
    func bump(_ network: NetworkName) async throws -> Int {
        try await database.withTransaction { transaction in
            try transaction.execute("UPDATE networks SET generation = generation + 1 WHERE name = \(network)")
            return try transaction.query("SELECT generation FROM networks WHERE name = \(network)")[0].only()
        }
    }

    func generation(_ network: NetworkName) async throws -> Int {
        try await count("SELECT generation FROM networks WHERE name = \(network)")
    }
}
