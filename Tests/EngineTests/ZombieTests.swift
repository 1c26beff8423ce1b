import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// Sessions that are taken for dead while something of theirs is still on its way.
@Suite(.timeLimit(.minutes(15))) struct ZombieTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a claim whose COMMIT lands after its session was reaped is found by a later pass`() async throws {
        try await withProxiedCluster { way in
            let id = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var zombie = try way.proxied.worker("h1")
            way.proxy.order(.hold, at: .commit(of: "SET state = 'executing'"))
            let error = await #expect(throws: DatabaseError.self) { try await zombie.claim() }
            #expect(error?.code == .outcomeUnknown)
            // Its session was never opened, which is as dead as can be.
            let reaper = Reaper(database: way.direct.database, waker: NoWaker(), logger: .silent)
            var other = try way.direct.worker("h2")
            #expect(try await reaper.pass() == 0, "nothing is to be seen of it yet")
            #expect(try await other.claim().isEmpty, "the row is locked, and nobody waits for it")
            way.proxy.release()
            try await eventually("it is returned") { try await reaper.pass() == 1 }
            let claims = try await other.claim()
            #expect(claims.map(\.operation.id) == [id] && claims.first?.operation.deliveries == 2)
        }
    }

    @Test func `a zombie's end after the reaping changes nothing, whoever runs it by now`() async throws {
        try await withCluster { cluster in
            let child = try await cluster.graphOfTwo()
            var zombie = try cluster.worker("h1")
            let stale = try await zombie.claim()
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 1)
            // Waiting, then running elsewhere, then ended: at each of them the zombie comes back.
            let failure = AttemptReport.failed(.init(code: "late", message: "too late"))
            #expect(try await zombie.settle(stale, failure).superseded.count == 1)
            var other = try cluster.worker("h2")
            let claims = try await other.claim()
            #expect(try await zombie.settle(stale, failure).superseded.count == 1)
            #expect(try await zombie.settle(stale, .handedBack).superseded.count == 1)
            #expect(try await other.settle(claims, .succeeded(result: nil)).settled.count == 1)
            #expect(try await zombie.settle(stale, failure).superseded.count == 1)
            let ended = try await cluster.operation(stale[0].operation.id)
            #expect(ended.state == .complete && ended.failures == 0 && ended.worker?.node.description == "h2")
            #expect(try await cluster.operation(child).state == .queued, "released once")
        }
    }

    @Test func `an end whose COMMIT is still on its way is not reaped from under it`() async throws {
        try await withProxiedCluster { way in
            let child = try await way.direct.graphOfTwo()
            var worker = try way.proxied.worker("h1")
            let claims = try await worker.claim()
            way.proxy.order(.hold, at: .commit(of: "INSERT INTO finished_operations"))
            let (settling, session) = (worker.settling, worker.identity.session)
            let entry = Settling.Entry(id: claims[0].operation.id, delivery: 1, report: .succeeded(result: nil))
            let error = await #expect(throws: DatabaseError.self) {
                try await settling.settle([entry], of: session)
            }
            #expect(error?.code == .outcomeUnknown)
            let reaper = Reaper(database: way.direct.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 0, "its row is locked")
            let again = try await Settling(database: way.direct.database).settle([entry], of: session)
            #expect(again.locked == [entry.id], "sent again, it waits for its own COMMIT")
            way.proxy.release()
            try await eventually("it has landed") {
                try await way.direct.operation(entry.id).state == .complete
            }
            #expect(try await reaper.pass() == 0)
            let last = try await Settling(database: way.direct.database).settle([entry], of: session)
            #expect(last.superseded == [entry.id])
            #expect(try await way.direct.operation(child).state == .queued)
            try await eventually("it has landed") { way.proxy.counts.landedLate == 1 }
        }
    }

    @Test func `of an end and a reaping at once exactly one happens`() async throws {
        try await withCluster { cluster in
            for _ in 0..<30 {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 8)
                var worker = try cluster.worker("h1")
                let claims = try await worker.claim(8)
                let settler = worker
                let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
                async let settled = settler.settle(claims, .succeeded(result: nil))
                async let returned = reaper.pass()
                let (ends, returns) = (try await settled, try await returned)
                #expect(ends.settled.count + ends.superseded.count == claims.count)
                #expect(returns <= ends.superseded.count, "\(returns) returned, \(ends.superseded.count) superseded")
                #expect(ends.settled.isDisjoint(with: ends.superseded))
                _ = try await worker.drain()
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 240)
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state <> 'complete'") == 0
            )
        }
    }
}

extension TestCluster {
    /// An operation that is ready, with one that depends on it; returns the latter.
    fileprivate func graphOfTwo() async throws -> OperationID {
        let noop = BuiltInTask.noop.name
        let first = try await queue.enqueue(OperationRequest(tasks: [noop])).uuid
        return try await queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [first])).uuid
    }
}
