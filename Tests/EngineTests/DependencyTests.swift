import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct DependencyTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a dependent is blocked, becomes ready in the ending transaction, and names its queue`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let second = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], lane: .background, dependsOn: [first])
            )
            #expect(second.state == .blocked)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [first])
            let result = try await worker.settle(claims, .succeeded(result: nil))
            #expect(result.ready == [second.queueName])
            #expect(try await worker.drain().map(\.id) == [second.uuid])
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test func `two dependencies that end in one batch count as two`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let second = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let third = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], dependsOn: [first], runsAfter: [second, first])
            ).uuid
            #expect(try await cluster.operation(third).unmet == 2)
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [first, second, third])
        }
    }

    @Test func `a dependent is held back until the last of its dependencies has ended`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let second = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let third = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], dependsOn: [first], runsAfter: [second])
            )
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [first, second])
            for (claim, left) in zip(claims, [1, 0]) {
                let result = try await worker.settle([claim], .succeeded(result: nil))
                #expect(result.ready == (left == 0 ? [third.queueName] : []))
                let dependent = try await cluster.operation(third.uuid)
                #expect(dependent.state == (left == 0 ? .queued : .blocked) && dependent.unmet == left)
            }
        }
    }

    @Test func `an end releases nothing that does not wait for it any more`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let second = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            // As a database may have it that has lost its last commits.
            try await cluster.execute(
                """
                INSERT INTO operation_dependencies (dependency, dependent, must_complete)
                VALUES (\(first), \(second), TRUE)
                """
            )
            var worker = try cluster.worker()
            let result = try await worker.settle(try await worker.claim(1), .succeeded(result: nil))
            #expect(result.settled == [first])
            #expect(try await cluster.operation(second).state == .queued)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
            #expect(try await worker.drain().map(\.id) == [second])
        }
    }

    @Test func `a failure aborts what depends on it, and so on down, but not what only runs after it`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot", attempts: 1)
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [try TaskName("reboot")])).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [first])).uuid
            let grandchild = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [child])).uuid
            let after = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], runsAfter: [grandchild])).uuid
            var worker = try cluster.worker(commands: ["reboot"])
            let result = try await worker.settle(
                try await worker.claim(),
                .failed(.init(code: "exit_1", message: "no"))
            )
            #expect(result.ended == [first, child, grandchild])
            #expect(try await cluster.operation(child).error?.message == "dependency \(first) ended error")
            #expect(try await cluster.operation(grandchild).state == .aborted)
            #expect(try await cluster.operation(after).state == .queued)
            let late = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [child]))
            #expect(late.state == .aborted, "also when it failed long ago")
            #expect(try await cluster.operation(late.uuid).state == .aborted)
            let lateAfter = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], runsAfter: [child]))
            #expect(lateAfter.state == .queued)
        }
    }

    @Test func `a whole graph is submitted at once, in any order, and a circle is refused by name`() async throws {
        try await withCluster { cluster in
            let ids = (0..<4).map { _ in OperationID.new() }
            let requests = [
                OperationRequest(tasks: [noop], id: ids[3], dependsOn: [ids[1], ids[2]]),
                OperationRequest(tasks: [noop], id: ids[1], dependsOn: [ids[0]]),
                OperationRequest(tasks: [noop], id: ids[2], dependsOn: [ids[0]]),
                OperationRequest(tasks: [noop], id: ids[0]),
            ]
            let receipts = try await cluster.queue.submit(requests)
            #expect(receipts.map(\.state) == [.blocked, .blocked, .blocked, .queued])
            #expect(try await cluster.queue.submit(requests) == receipts, "the same graph twice is one graph")
            var worker = try cluster.worker()
            let executed = try await worker.drain().map(\.id)
            #expect(executed.first == ids[0] && executed.last == ids[3] && executed.count == 4)

            var circle = requests
            for index in circle.indices { circle[index].id = nil }
            let a = OperationID.new()
            let b = OperationID.new()
            let error = await #expect(throws: ClusterOpsError.self) {
                try await cluster.queue.submit([
                    OperationRequest(tasks: [noop], id: a, dependsOn: [b]),
                    OperationRequest(tasks: [noop], id: b, runsAfter: [a]),
                ])
            }
            #expect(error?.code == .invalid && error?.message.contains("\(a)") == true)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `a dependency that ends while its dependent is enqueued is never waited for in vain`() async throws {
        try await withCluster(connections: 12) { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 60)
            let parents = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue WHERE id >= \(first) ORDER BY id")
                    .map { try $0.only(OperationID.self) }
            }
            let executed = Locked(0)
            try await withThrowingDiscardingTaskGroup { group in
                for slice in 0..<4 {
                    group.addTask {
                        for (index, parent) in parents.enumerated() where index % 4 == slice {
                            let other = parents[(index * 7 + 3) % parents.count]
                            _ = try await cluster.queue.enqueue(
                                OperationRequest(tasks: [noop], dependsOn: Array(Set([parent, other])))
                            )
                        }
                    }
                }
                for number in 1...2 {
                    group.addTask {
                        var worker = try cluster.worker("h\(number)")
                        while executed.value < 120 {
                            let done = try await worker.drain().count
                            executed.update { $0 += done }
                            try Task.checkCancellation()
                        }
                    }
                }
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'complete'") == 120)
        }
    }

    @Test func `a thousand dependencies end in one, batch by batch, from two workers`() async throws {
        try await withCluster(connections: 8) { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 1000)
            let parents = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue WHERE id >= \(first)").map {
                    try $0.only(OperationID.self)
                }
            }
            let last = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: parents)).uuid
            let executed = Locked([OperationID]())
            try await withThrowingDiscardingTaskGroup { group in
                for number in 1...2 {
                    group.addTask {
                        var worker = try cluster.worker("h\(number)")
                        while executed.value.count < 1001 {
                            try Task.checkCancellation()
                            let claims = try await worker.claim(100)
                            try await worker.settle(claims, .succeeded(result: nil))
                            executed.update { $0 += claims.map(\.operation.id) }
                        }
                    }
                }
            }
            #expect(executed.value.last == last && Set(executed.value).count == 1001)
        }
    }
}
