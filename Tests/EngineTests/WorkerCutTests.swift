import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What becomes of a worker's own COMMITs when nobody answers them.
@Suite(.timeLimit(.minutes(15))) struct WorkerCutTests {
    private let noop = BuiltInTask.noop

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a claim whose COMMIT has an unknown outcome is found, handed back and run once`(
        disturbance: Disturbance
    )
        async throws
    {
        try await withProxiedCluster { way in
            try await way.direct.addNode("h1")
            let id = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
            let log = EffectLog()
            let handler = RecordingHandler(noop.definition, log: log)
            way.proxy.order(disturbance, at: .commit(of: "SET state = 'executing'"))
            let worker = try way.proxied.liveWorker("h1", handlers: [handler], lease: .seconds(2))
            let ended = try await way.proxied.withWorkers([worker]) { try await way.direct.end(of: id) }
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(ended.state == .complete && ended.failures == 0)
            #expect(log.effects.count == 1, "a claim that nobody knew of was not run")
            #expect(ended.attemptHistory.map(\.outcome) == (disturbance == .cutBefore ? [] : [.handedBack]))
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `an end whose COMMIT has an unknown outcome is written once, and the work is not done again`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            try await way.direct.addNode("h1")
            let first = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
            let after = OperationRequest(tasks: [noop.name], dependsOn: [first])
            let second = try await way.direct.queue.enqueue(after).uuid
            let log = EffectLog()
            let handler = RecordingHandler(noop.definition, log: log)
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO finished_operations"))
            // No poll finds the second one: what the lost answer would have told has to be made up for.
            let worker = try way.proxied.liveWorker(
                "h1",
                handlers: [handler],
                lease: .seconds(3600),
                renew: .seconds(1200),
                pollInterval: .seconds(3600)
            )
            let ended = try await way.proxied.withWorkers([worker]) { try await way.direct.end(of: second) }
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(ended.state == .complete && ended.deliveries == 1)
            #expect(try await way.direct.operation(first).state == .complete)
            #expect(log.effects.map(\.operation) == [first, second])
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a renewal with an unknown outcome costs neither the session nor its work`(
        disturbance: Disturbance
    )
        async throws
    {
        try await withProxiedCluster { way in
            try await way.direct.addNode("h1")
            let id = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
            let (log, isHeld) = (EffectLog(), Locked(true))
            let handler = RecordingHandler(
                noop.definition,
                log: log,
                wanted: { _ in
                    try await eventually("it may go on") { !isHeld.value }
                    return nil
                }
            )
            let worker = try way.proxied.liveWorker("h1", handlers: [handler], lease: .seconds(5))
            try await way.proxied.withWorkers([worker]) {
                try await eventually("it runs") { log.effects.count == 1 }
                for _ in 0..<3 {
                    let before = way.proxy.counts.of(disturbance)
                    way.proxy.order(disturbance, at: .statement("SET renewals = renewals + 1"))
                    try await eventually("a renewal is cut") { way.proxy.counts.of(disturbance) == before + 1 }
                }
                let renewals = try await way.direct.count("SELECT renewals FROM sessions")
                try await eventually("it is renewed again") {
                    try await way.direct.count("SELECT renewals FROM sessions") > renewals
                }
                isHeld.update { $0 = false }
                let ended = try await way.direct.end(of: id)
                #expect(ended.state == .complete && ended.deliveries == 1)
            }
            #expect(try await way.direct.count("SELECT COUNT(*) FROM sessions") == 1)
        }
    }

    @Test func `a worker that is cut off for longer than its lease stops, and its work is done by another`()
        async throws
    {
        try await withProxiedCluster { way in
            try await way.direct.addNode("h1")
            try await way.direct.addNode("h2")
            try await way.direct.addNetwork("blue")
            let update = BuiltInTask.networkApplyUpdateDNSMasq
            let target = OperationRequest.Target(network: try NetworkName("blue"))
            let id = try await way.direct.queue.enqueue(OperationRequest(tasks: [update.name], target: target)).uuid
            let log = EffectLog()
            let handler = RecordingHandler(
                update.definition,
                log: log,
                course: { attempt in
                    attempt.operation.deliveries == 1 ? .hang : .succeed(after: .zero)
                }
            )
            let first = try way.proxied.liveWorker("h1", handlers: [handler], lease: .seconds(2))
            let second = try way.direct.liveWorker("h2", handlers: [handler], lease: .seconds(2))
            try await way.proxied.withWorkers([first]) {
                try await eventually("it runs") { log.effects.count == 1 }
                way.proxy.isolate()
                try await way.direct.withWorkers([second]) {
                    let ended = try await way.direct.end(of: id)
                    #expect(ended.state == .complete && ended.worker?.node.description == "h2")
                    #expect(ended.attemptHistory.map(\.outcome) == [.reaped])
                    way.proxy.heal()
                    try await eventually("it has come back as a new session") {
                        try await way.direct.count(
                            "SELECT COUNT(*) FROM sessions WHERE node_name = 'h1' AND dead = FALSE"
                        ) == 1
                    }
                }
            }
            #expect(log.effects.count == 2 && log.effects[0].wasCancelled)
            #expect(log.overlaps.isEmpty, "the first had stopped before the second began")
        }
    }

    @Test func `what was finished while the database was away is written under the old session, and not done again`()
        async throws
    {
        try await withProxiedCluster { way in
            try await way.direct.addNode("h1")
            let id = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
            let log = EffectLog()
            let handler = RecordingHandler(
                noop.definition,
                log: log,
                course: { _ in
                    way.proxy.isolate()
                    return .succeed(after: .zero)
                }
            )
            let worker = try way.proxied.liveWorker("h1", handlers: [handler], lease: .seconds(2))
            let ended = try await way.proxied.withWorkers([worker]) {
                try await eventually("it has run") { log.effects.first?.outcome == .done(result: nil) }
                let session = try #require(log.effects[0].session)
                try await eventually("the lease has ended") {
                    try await way.direct.count(
                        "SELECT COUNT(*) FROM sessions WHERE id = \(session) AND expires_at < NOW(6)"
                    ) == 1
                }
                way.proxy.heal()
                return try await way.direct.end(of: id)
            }
            #expect(ended.state == .complete && ended.deliveries == 1)
            #expect(log.effects.count == 1)
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a reaper whose COMMIT has an unknown outcome returns each operation once`(
        disturbance: Disturbance
    )
        async throws
    {
        try await withProxiedCluster { way in
            _ = try await way.direct.queue.enqueue(OperationRequest(tasks: [noop.name]), count: 10)
            var worker = try way.direct.worker()
            #expect(try await worker.claim().count == 10)
            let reaper = Reaper(database: way.proxied.database, waker: NoWaker(), logger: .silent)
            way.proxy.order(disturbance, at: .commit(of: "SET state = 'queued'"))
            let error = await #expect(throws: DatabaseError.self) { try await reaper.pass() }
            #expect(error?.code == .outcomeUnknown)
            try await eventually("all are back") {
                try await reaper.pass()
                return try await way.direct.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 10
            }
            #expect(try await worker.claim().allSatisfy { $0.operation.attemptHistory.map(\.outcome) == [.reaped] })
        }
    }
}

extension TestCluster {
    /// Waits for the end of an operation.
    func end(of id: OperationID) async throws -> ClusterModel.Operation {
        try await eventually("\(id) ends") { try await operation(id).state.isTerminal }
        return try await operation(id)
    }
}
