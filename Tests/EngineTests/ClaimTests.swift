import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import DatabaseTime

@Suite(.timeLimit(.minutes(15))) struct ClaimTests {
    @Test func `a worker takes the best lane of all its queues first, then by age`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let noop = BuiltInTask.noop.name
            let h1 = OperationRequest.Target(node: try NodeName("h1"))
            let order: [(OperationRequest.Target, Lane)] = [
                (.init(), .backgroundHighIO), (h1, .background), (.init(), .userFacing), (h1, .userFacing),
                (.init(), .userWaiting),
            ]
            for (target, lane) in order {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: target, lane: lane))
            }
            var worker = try cluster.worker()
            let queues = try await worker.drain().map(\.queue.description)
            #expect(
                queues == [
                    "any-user_waiting", "h1-user_facing", "any-user_facing", "h1-background", "any-background_high_io",
                ]
            )
        }
    }

    @Test func `claimers of one queue that meet spread over its head, and hardly one comes away empty`() async throws {
        let (claimers, rounds) = (16, 12)
        try await withCluster(connections: claimers + 1) { cluster in
            try await cluster.addNode("h1")
            // Twice as many as are taken: whoever gets nothing has met others.
            _ = try await cluster.queue.enqueue(
                OperationRequest(tasks: [BuiltInTask.noop.name]),
                count: 2 * claimers * rounds
            )
            let taken = Locked<[OperationID]>([])
            let empty = Locked(0)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<claimers {
                    group.addTask {
                        var worker = try cluster.worker("h1", queues: ["any-user_facing"])
                        for _ in 0..<rounds {
                            let claims = try await worker.claim(1)
                            if claims.isEmpty { empty.update { $0 += 1 } }
                            taken.update { $0 += claims.map(\.operation.id) }
                        }
                    }
                }
            }
            #expect(Set(taken.value).count == taken.value.count, "each is taken once")
            #expect(empty.value * 10 < claimers * rounds, "\(empty.value) of \(claimers * rounds) claims were empty")
        }
    }

    @Test func `a claim that passes over what others hold is full, and starts all at one moment`() async throws {
        let slots = 10
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 3 * slots)
            let head = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue ORDER BY ready_at, id LIMIT 4")
                    .map { try $0.only(OperationID.self) }
            }
            let holder = try await Connection.open(cluster.configuration)
            let claimed = try await holder.withTransaction { transaction in
                _ = try EnqueueStatements.lockLive(head, in: transaction)
                return try blocking {
                    var worker = try cluster.worker("h1", queues: ["any-user_facing"])
                    let claims = try await worker.claim(slots)
                    #expect(worker.claiming.takeUnreadable().isEmpty)
                    return claims.map(\.operation)
                }
            }
            await holder.close()
            #expect(claimed.count == slots && Set(claimed.map(\.id)).isDisjoint(with: head))
            #expect(Set(claimed.map(\.startedAt)).count == 1 && claimed.first?.startedAt != nil)
            for operation in claimed {
                let stored = try await cluster.operation(operation.id)
                #expect(stored.startedAt == operation.startedAt && stored.claimedAt == operation.claimedAt)
                #expect(stored.waited == operation.waited && stored.deliveries == operation.deliveries)
            }
        }
    }

    @Test func `what ends together is written together`() async throws {
        let (slots, count) = (16, 640)
        try await withCluster(connections: 4) { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: count)
            try await cluster.withWorkers([cluster.liveWorker("h1", handlers: [NoopHandler()], slots: slots)]) {
                try await eventually("all have ended") {
                    try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
                }
            }
            let ends = try await cluster.count("SELECT COUNT(DISTINCT finished_at) FROM finished_operations")
            // They were 110 when each began with what there was.
            #expect(ends <= 2 * count / slots, "\(ends) transactions that ended operations")
        }
    }

    @Test func `claimers that stand still at the head of a queue hide nothing behind them`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 300)
            let head = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue ORDER BY ready_at, id LIMIT 20")
                    .map { try $0.only(OperationID.self) }
            }
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                _ = try EnqueueStatements.lockLive(head, in: transaction)
                let got = try blocking {
                    var worker = try cluster.worker("h1", queues: ["any-user_facing"])
                    var got = 0
                    for _ in 0..<10 { got += try await worker.claim(1).count }
                    return got
                }
                // A claim that begins by chance among those twenty five times over has nothing.
                #expect(got >= 8, "\(got) of 10")
            }
            await holder.close()
        }
    }

    @Test func `a queue that is not in the list can never win`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name], lane: .userWaiting))
            try await cluster.damage("UPDATE work_queue SET queue_name = 'typo-user_waiting'")
            var worker = try cluster.worker()
            #expect(try await worker.claim().isEmpty)
        }
    }

    @Test func `one of each exclusive target runs at a time, and a busy target hides nothing behind it`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            try await cluster.addNetwork("green")
            let task = BuiltInTask.networkRemoveDHCPLease.name
            for network in ["blue", "blue", "blue", "green"] {
                _ = try await cluster.queue.enqueue(
                    OperationRequest(tasks: [task], target: .init(network: try NetworkName(network)))
                )
            }
            var first = try cluster.worker("h1")
            let claimed = try await first.claim()
            #expect(claimed.compactMap(\.operation.network?.description) == ["blue", "green"])
            var second = try cluster.worker("h2")
            #expect(try await second.claim().isEmpty)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            #expect(try await second.claim(1).map(\.operation.tasks) == [[BuiltInTask.noop.name]])
            try await first.settle([claimed[0]], .succeeded(result: nil))
            #expect(try await second.claim().compactMap(\.operation.network?.description) == ["blue"])
        }
    }

    @Test func `a backlog of a busy target hides nothing behind it in its queue`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkRemoveDHCPLease.name
            for network in ["blue", "green"] { try await cluster.addNetwork(network) }
            func request(_ network: String) throws -> OperationRequest {
                OperationRequest(tasks: [task], target: .init(network: try NetworkName(network)))
            }
            _ = try await cluster.queue.enqueue(request("blue"), count: 2 * CandidateReader.shortLook)
            let behind = try await cluster.queue.enqueue(request("green")).uuid
            var (first, second) = (try cluster.worker("h1"), try cluster.worker("h2"))
            #expect(try await first.claim(1).count == 1)
            #expect(try await second.claim(1).map(\.operation.id) == [behind])
        }
    }

    @Test func `an operation whose target was taken after it was found is left`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let request = OperationRequest(
                tasks: [BuiltInTask.networkRemoveDHCPLease.name],
                target: .init(network: try NetworkName("blue"))
            )
            let ids = [try await cluster.queue.enqueue(request).uuid, try await cluster.queue.enqueue(request).uuid]
            var (first, second) = (try cluster.worker("h1"), try cluster.worker("h2"))
            #expect(try await first.claim().map(\.operation.id) == [ids[0]])
            try await second.join()
            let identity = second.identity
            let taken = try await cluster.database.withTransaction { transaction in
                try Claiming.claimAndFold([ids[1]], upTo: 1, by: identity, definitions: [:], in: transaction)
            }
            #expect(taken.claims.isEmpty)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'executing'") == 1)
        }
    }

    @Test func `workers that claim at once share the backlog, and each operation runs once`() async throws {
        try await withCluster(connections: 16) { cluster in
            try await cluster.addNetwork("blue")
            let noop = BuiltInTask.noop.name
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 600)
            let executed = Locked([OperationID: Int]())
            let claimers = Locked(Set<String>())
            try await withThrowingDiscardingTaskGroup { group in
                for number in 1...6 {
                    group.addTask {
                        var worker = try cluster.worker("h\(number)")
                        let done = try await worker.drain()
                        executed.update { counts in for operation in done { counts[operation.id, default: 0] += 1 } }
                        if !done.isEmpty { claimers.update { _ = $0.insert("h\(number)") } }
                    }
                }
            }
            #expect(executed.value.count == 600)
            #expect(executed.value.values.allSatisfy { $0 == 1 })
            #expect(claimers.value.count > 1, "one worker took everything: this run proved nothing")
        }
    }

    @Test func `a claim locks what it takes and nothing else`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 200)
            var joining = try cluster.worker()
            try await joining.join()
            let worker = joining
            let definitions = Dictionary(
                BuiltInTask.allCases.map { ($0.name, $0.definition) },
                uniquingKeysWith: { a, _ in a }
            )
            let holder = try await Connection.open(cluster.configuration)
            let free = try await holder.withTransaction { transaction in
                let heads = try ClaimStatements.candidates(
                    in: [try QueueName("any-user_facing")],
                    .heads(ofEach: 40),
                    on: transaction.session
                )
                let claims = try Claiming.claimAndFold(
                    heads.candidates.map(\.id),
                    upTo: 10,
                    by: worker.identity,
                    definitions: definitions,
                    in: transaction
                ).claims
                #expect(claims.count == 10)
                return try blocking {
                    try await cluster.database.withTransaction { other in
                        try other.query("SELECT id FROM work_queue FORCE INDEX (PRIMARY) FOR UPDATE SKIP LOCKED").count
                    }
                }
            }
            #expect(free == 190)
            await holder.close()
        }
    }

    @Test func `an operation that was put off after it was found is left`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "broken", message: "once")))
            #expect(try await cluster.operation(id).state == .queued)
            let identity = worker.identity
            let taken = try await cluster.database.withTransaction { transaction in
                try Claiming.claimAndFold([id], upTo: 1, by: identity, definitions: [:], in: transaction)
            }
            #expect(taken.claims.isEmpty && taken.skipped == [id])
        }
    }

    @Test func `work that this worker cannot run is left, and hides nothing behind it`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot", "upgrade")
            for task in ["reboot", "upgrade"] {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [try TaskName(task)]), count: 100)
            }
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            var worker = try cluster.worker()
            #expect(try await worker.claim(1).map(\.operation.tasks) == [[BuiltInTask.noop.name]])
            var able = try cluster.worker(commands: ["reboot"])
            #expect(try await able.claim(2).allSatisfy { $0.operation.tasks[0].description == "reboot" })
        }
    }

    @Test func `work of a list that begins with a known task and needs a foreign one hides nothing`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot")
            let (noop, reboot) = (BuiltInTask.noop.name, try TaskName("reboot"))
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop, reboot]), count: 300)
            let mine = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            #expect(try await worker.claim(1).map(\.operation.id) == [mine])
            #expect(try await worker.claim(1).isEmpty)
        }
    }

    @Test func `a hundred operations that nobody can decode hide nothing behind them`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 100)
            try await cluster.execute("UPDATE work_queue SET tasks = '[\"noop\"'")
            let mine = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker()
            var found: [OperationID] = []
            // Some are learnt at each look, and a claim makes a few.
            for _ in 0..<10 where found.isEmpty { found = try await worker.claim(1).map(\.operation.id) }
            #expect(found == [mine])
        }
    }

    @Test func `what a worker has learnt of foreign work makes it read by task, and is forgotten after a while`() throws
    {
        let (noop, reboot) = (BuiltInTask.noop.name, try TaskName("reboot"))
        let queue = try QueueName("any-user_facing")
        let start = SuspendingClock.now
        var foreign = ForeignWork(runnable: [noop])
        #expect(foreign.filter == ClaimFilter(tasks: [noop]))
        foreign.saw([reboot], in: queue, at: start)
        #expect(foreign.filter == ClaimFilter(tasks: [noop], mixed: [queue]))
        foreign.saw([noop, reboot], in: queue, at: start)
        #expect(foreign.filter.lists == [[noop, reboot]])
        foreign.forget(at: start + ForeignWork.memory)
        #expect(foreign.filter.mixed == [queue])
        foreign.forget(at: start + ForeignWork.memory + .seconds(1))
        #expect(foreign.filter.mixed.isEmpty && foreign.filter.lists == [[noop, reboot]])

        let ids = (0...ForeignWork.mostUnreadable).map { _ in OperationID.new() }
        var told = 0
        for id in ids + ids where foreign.saw(unreadable: id, in: queue) { told += 1 }
        #expect(told == ForeignWork.mostUnreadable, "each once, and bounded")
    }

    @Test func `the policy takes stale work every fourth time, whatever better lanes bring`() throws {
        var policy = ClaimPolicy(stalenessBound: .seconds(60))
        let now = Timestamp(microseconds: 1_000_000_000)
        let fresh = try (0..<40).map { _ in try candidate("any-user_waiting", age: 1, before: now) }
        let stale = try (0..<40).map { try candidate("any-background_high_io", age: 100 + 40 - $0, before: now) }
        var lanes: [Lane] = []
        for round in 0..<12 {  // One slot at a time, as in a busy worker.
            let choice = policy.order([fresh[round]] + stale, now: now)[0]
            policy.took([choice])
            lanes.append(choice.candidate.queue.lane)
        }
        #expect(lanes.count { $0 == .backgroundHighIO } == 3)
        #expect(lanes[3] == .backgroundHighIO && lanes[7] == .backgroundHighIO && lanes[11] == .backgroundHighIO)
        let strict = ClaimPolicy(stalenessBound: .seconds(600))
        #expect(strict.order(fresh + stale, now: now).prefix(40).allSatisfy { $0.candidate.queue.lane == .userWaiting })
    }

    @Test func `a backlog of stale work in the best lane does not take the share of the lanes behind it`() throws {
        var policy = ClaimPolicy(stalenessBound: .seconds(60))
        let now = Timestamp(microseconds: 1_000_000_000)
        // All of it older than what waits behind it, and there is always more.
        func backlog(_ queue: String) throws -> [ClaimCandidate] {
            try (0..<20).map { _ in try candidate(queue, age: 500, before: now) }
        }
        let last = try candidate("any-background_high_io", age: 61, before: now)
        var picks: [String] = []
        while picks.count < 100, picks.last != "any-background_high_io" {
            let heads =
                try ["h1-user_waiting", "any-user_waiting", "h1-background"].flatMap { try backlog($0) } + [last]
            let choice = policy.order(heads, now: now)[0]
            policy.took([choice])
            picks.append(choice.candidate.queue.description)
        }
        #expect(
            picks.count <= 3 * ClaimPolicy.reservedInterval,
            "each queue that is passed over has its turn: \(picks)"
        )
        #expect(picks.filter { $0 == "h1-user_waiting" }.count >= picks.count * 3 / 4)
        #expect(Set(picks).count == 4, "also a queue of the same lane: \(picks)")
    }

    @Test func `the policy never takes two of one target`() throws {
        let policy = ClaimPolicy(stalenessBound: .seconds(60))
        let now = Timestamp(microseconds: 1_000_000_000)
        let same = try (0..<5).map { _ in try candidate("any-background", age: 100, before: now, target: "one") }
        let other = try candidate("any-background", age: 1, before: now, target: "two")
        #expect(policy.order(same + [other], now: now).map(\.candidate) == [same[0], other])
        #expect(policy.order([], now: now).isEmpty)
    }

    private func candidate(
        _ queue: String,
        age: Int,
        before now: Timestamp,
        target: String? = nil
    ) throws -> ClaimCandidate {
        ClaimCandidate(
            id: .new(),
            queue: try QueueName(queue),
            readyAt: Timestamp(microseconds: now.microseconds - Int64(age) * 1_000_000),
            exclusiveKey: target,
            tasks: [BuiltInTask.noop.name]
        )
    }
}
