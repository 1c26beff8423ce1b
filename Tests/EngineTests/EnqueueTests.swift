import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import ClusterEngine

@Suite(.timeLimit(.minutes(15))) struct EnqueueTests {
    @Test func `an operation is queued where its kind and its node say`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let target = OperationRequest.Target(network: try NetworkName("blue"), node: try NodeName("h1"))
            let network = OperationRequest.Target(network: try NetworkName("blue"))
            let requests = [
                OperationRequest(tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name], target: network),
                OperationRequest(tasks: [BuiltInTask.networkEnsureMesh.name], target: target, lane: .userWaiting),
                OperationRequest(tasks: [BuiltInTask.noop.name], target: target, lane: .background),
                OperationRequest(tasks: [BuiltInTask.noop.name]),
            ]
            let receipts = try await cluster.queue.submit(requests)
            #expect(
                receipts.map(\.queueName.description) == [
                    "networknode-user_facing", "h1-network-user_waiting", "h1-background", "any-user_facing",
                ]
            )
            #expect(receipts.allSatisfy { $0.state == .queued && !$0.deduplicated })
            let stored = try await cluster.operation(receipts[1].uuid)
            #expect(stored.network?.description == "blue" && stored.node?.description == "h1")
            #expect(stored.requester == "test" && stored.deliveries == 0 && stored.attempts == 0)
        }
    }

    @Test func `bad requests are refused by name, and nothing is written`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            try await cluster.register("restart_agent")
            let noop = BuiltInTask.noop.name
            let mesh = BuiltInTask.networkEnsureMesh.name
            let dnsmasq = BuiltInTask.networkApplyUpdateDNSMasq.name
            let blue = OperationRequest.Target(network: try NetworkName("blue"))
            let refused: [(OperationRequest, ClusterOpsError.Code, String)] = [
                (OperationRequest(tasks: [try TaskName("no_such_task")]), .invalid, "no_such_task"),
                (OperationRequest(tasks: []), .invalid, "at least one task"),
                (OperationRequest(tasks: Array(repeating: noop, count: 17)), .invalid, "17 tasks"),
                (OperationRequest(tasks: [noop, mesh], target: blue), .invalid, "of one kind"),
                (OperationRequest(tasks: [mesh], target: blue), .invalid, "needs a node"),
                (OperationRequest(tasks: [dnsmasq]), .invalid, "needs a network"),
                (
                    OperationRequest(tasks: [noop], target: .init(network: try NetworkName("red"))), .notFound,
                    "no network 'red'"
                ),
                (OperationRequest(tasks: [noop], target: .init(node: try NodeName("h9"))), .notFound, "no node 'h9'"),
                (OperationRequest(tasks: [noop], target: .init(interface: .new())), .notFound, "no interface"),
                (OperationRequest(tasks: [noop], parameters: "{"), .invalid, "not JSON"),
                (
                    OperationRequest(tasks: [noop], parameters: "\"" + String(repeating: "x", count: 65_536) + "\""),
                    .invalid, "65538 bytes"
                ),
                (OperationRequest(tasks: [noop], dependsOn: [.new()]), .notFound, "to wait for"),
                (OperationRequest(tasks: [noop], delay: .seconds(-1)), .invalid, "delay"),
                (OperationRequest(tasks: [noop], delay: .seconds(5), deadline: .seconds(4)), .invalid, "deadline"),
            ]
            for (request, code, words) in refused {
                let error = await #expect(throws: ClusterOpsError.self, "\(words)") {
                    try await cluster.queue.enqueue(request)
                }
                #expect(error?.code == code, "\(words)")
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `the same id with the same content is one operation, with other content a conflict`() async throws {
        try await withCluster { cluster in
            let id = OperationID.new()
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], id: id, parameters: "{\"a\": 1}")
            let first = try await cluster.queue.enqueue(request)
            #expect(try await cluster.queue.enqueue(request) == first)
            var other = request
            other.parameters = "{\"a\": 2}"
            let error = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.enqueue(other) }
            #expect(error?.code == .conflict)
            #expect(error?.message.contains("parameters") == true)

            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [id])
            let again = try await cluster.queue.enqueue(request)
            #expect(again.uuid == id && again.state == .complete)
            let late = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.enqueue(other) }
            #expect(late?.code == .conflict)
            #expect(try await worker.drain().isEmpty)
        }
    }

    @Test func `an id that is sent by twenty connections at once, and executed meanwhile, is one operation`()
        async throws
    {
        try await withCluster(connections: 24) { cluster in
            let ids = (0..<40).map { _ in OperationID.new() }
            let executed = Locked([OperationID]())
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask {
                        for id in ids {
                            let request = OperationRequest(tasks: [BuiltInTask.noop.name], id: id)
                            _ = try await cluster.queue.enqueue(request)
                        }
                    }
                }
                group.addTask {
                    var worker = try cluster.worker()
                    while executed.value.count < ids.count {
                        try Task.checkCancellation()
                        let done = try await worker.drain().map(\.id)
                        executed.update { $0 += done }
                    }
                }
            }
            var worker = try cluster.worker()
            let late = try await worker.drain().map(\.id)
            #expect((executed.value + late).sorted() == ids.sorted(), "each id ran exactly once")
        }
    }

    @Test func `an id that ends between the look and the INSERT begins the transaction again`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], id: .new())
            _ = try await cluster.queue.enqueue(request)
            var worker = try cluster.worker()
            #expect(try await worker.drain().count == 1)
            let plan = try await cluster.database.withSession { try Admission.plans(for: [request], on: $0)[0] }
            // On a connection of its own, which runs a transaction once.
            let connection = try await Connection.open(cluster.configuration)
            let error = await #expect(throws: DatabaseError.self) {
                try await connection.withTransaction { try IdempotentEnqueue([plan]).refuseEnded(in: $0) }
            }
            #expect(error?.code == .snapshotConflict)
            await connection.close()
        }
    }

    @Test func `a waiting operation for the same work is adopted, and moved to the better lane`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let blue = OperationRequest.Target(network: try NetworkName("blue"))
            var request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: blue,
                lane: .background
            )
            let first = try await cluster.queue.enqueue(request)
            request.lane = .backgroundHighIO
            let second = try await cluster.queue.enqueue(request)
            #expect(second.uuid == first.uuid && second.deduplicated)
            #expect(second.queueName.lane == .background, "a worse lane changes nothing")
            request.lane = .userWaiting
            let third = try await cluster.queue.enqueue(request)
            #expect(third.uuid == first.uuid && third.queueName.description == "networknode-user_waiting")
            #expect(try await cluster.operation(first.uuid).queue == third.queueName)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1)

            try await cluster.counters.flush()
            let totals = try await cluster.database.withSession { session in
                try CoalescingStatements.totals(on: session).map { "\($0.outcome) \($0.count)" }.sorted()
            }
            #expect(totals == ["deduplicated 2", "requested 3"])
            let adopters = try await cluster.database.withSession { session in
                try OperationStatements.adoptions(of: first.uuid, on: session).map(\.requester)
            }
            #expect(adopters == ["test", "test"])
        }
    }

    @Test func `an operation is moved into no worse lane than it waits in by now`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let id = try await cluster.enqueue(task, on: "blue", lanes: [.userWaiting])[0]
            let isMoved = try await cluster.database.withSession { session in
                try EnqueueStatements.improveLane(
                    of: id,
                    to: try QueueName("networknode-user_facing"),
                    insteadOf: [.userFacingHighIO, .background, .backgroundHighIO],
                    on: session
                )
            }
            #expect(!isMoved)
            #expect(try await cluster.operation(id).queue.lane == .userWaiting)
        }
    }

    @Test func `what is not plainly the same work is never adopted, and the reason is counted`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let blue = OperationRequest.Target(network: try NetworkName("blue"))
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [task], target: blue))
            var requests = [OperationRequest(tasks: [task], target: blue, id: .new())]
            requests.append(OperationRequest(tasks: [task], target: blue, parameters: "{}"))
            requests.append(OperationRequest(tasks: [task], target: blue, runsAfter: [first.uuid]))
            requests.append(OperationRequest(tasks: [task], target: blue, delay: .seconds(9)))
            requests.append(OperationRequest(tasks: [task], target: blue, allowsDedup: false))
            for request in requests {
                let receipt = try await cluster.queue.enqueue(request)
                #expect(!receipt.deduplicated && receipt.uuid != first.uuid)
            }
            try await cluster.counters.flush()
            let refusals = try await cluster.database.withSession { session in
                try CoalescingStatements.totals(on: session).map(\.outcome).filter { $0.hasPrefix("refused") }.sorted()
            }
            #expect(
                refusals == [
                    "refused callers_id", "refused delay", "refused no_dedup", "refused ordering", "refused parameters",
                ]
            )
        }
    }

    @Test func `a coalescible task's identity names its node`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNode("h2")
            try await cluster.addNetwork("blue")
            let blue = try NetworkName("blue")
            for node in ["h1", "h2"] {
                let receipt = try await cluster.queue.enqueue(
                    OperationRequest(
                        tasks: [BuiltInTask.networkEnsureMesh.name],
                        target: .init(network: blue, node: try NodeName(node))
                    )
                )
                #expect(!receipt.deduplicated)
            }
        }
    }

    @Test func `many operations are enqueued with rising ids, and run in that order`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 2500)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 2500)
            var worker = try cluster.worker()
            let executed = try await worker.drain().map(\.id)
            #expect(executed.first == first)
            #expect(executed == executed.sorted() && executed.count == 2500)
        }
    }
}
