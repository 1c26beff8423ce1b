import ClusterEngine
import ClusterModel
import Foundation
import MariaDB

/// The members of a liveness run that ask for work, or stand in its way; each runs until its time is over.
struct LivenessLoad: Sendable {
    let cluster: TestCluster
    let settings: LivenessSettings
    let ledger: LivenessLedger

    static let networks = 4
    static let paused = "any-user_facing_high_io"

    private func queue(_ part: LivenessPart) -> ClusterEngine.OperationQueue {
        ClusterEngine.OperationQueue(
            database: cluster.database,
            requester: part.rawValue,
            counters: cluster.counters,
            waker: NoWaker()
        )
    }

    /// Repeats until the end, or until the body says by `CancellationError` that it is done; what the database says
    /// against it is a complaint, and no end.
    private func untilEnd(
        _ end: ContinuousClock.Instant,
        _ what: String,
        _ body: () async throws -> Void
    ) async {
        while ContinuousClock.now < end, !Task.isCancelled {
            do {
                try await body()
            } catch is CancellationError {
                return
            } catch {
                if !Task.isCancelled { ledger.complain("\(what): \(error)") }
                // An error that comes again at once must not fill the report.
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static func network(_ number: Int) -> OperationRequest.Target {
        .init(network: try? NetworkName("net-\(number)"))
    }

    private static let noop = BuiltInTask.noop.name
    private static let update = BuiltInTask.networkApplyUpdateDNSMasq.name

    // MARK: Requests

    /// Asks for this and that, cancels some of it, and does some of what was cancelled again.
    func ask(_ number: UInt64, until end: ContinuousClock.Instant) async {
        var random = settings.generator(100 + number)
        var recent: [OperationID] = []
        await untilEnd(end, "asking") {
            var request = OperationRequest(
                tasks: [Self.noop],
                lane: Lane.allCases.randomElement(using: &random) ?? .background
            )
            if Int.random(in: 0..<4, using: &random) == 0 {
                // The first network is for stopped claims.
                request = OperationRequest(
                    tasks: [Self.update],
                    target: Self.network(Int.random(in: 1..<Self.networks, using: &random)),
                    lane: request.lane
                )
            } else if let parent = recent.randomElement(using: &random), Int.random(in: 0..<4, using: &random) == 0 {
                request = OperationRequest(tasks: [Self.noop], lane: request.lane, runsAfter: [parent])
            }
            let id = try await queue(.plain).enqueue(request).uuid
            ledger.count("requests")
            recent = Array((recent + [id]).suffix(8))
            if Int.random(in: 0..<10, using: &random) == 0, let id = recent.randomElement(using: &random) {
                do {
                    _ = try await queue(.plain).cancel(id)
                    _ = try await queue(.plain).retry(id)
                    ledger.count("retries")
                } catch let error as ClusterOpsError where error.code == .conflict || error.code == .notFound {
                    // It has ended, or runs.
                }
            }
            // The pace of a caller is the load.
            try await Task.sleep(for: .milliseconds(Int.random(in: 10...60, using: &random)))
        }
    }

    /// Keeps a backlog of the best lane, and asks for something of the worst now and then.
    func crowd(until end: ContinuousClock.Instant) async {
        let request = OperationRequest(tasks: [Self.noop], lane: .userWaiting)
        var lastStale = ContinuousClock.now
        await untilEnd(end, "crowding") {
            let waiting = try await cluster.count(
                "SELECT COUNT(*) FROM work_queue WHERE queue_name = 'any-user_waiting' AND state = 'queued'"
            )
            if waiting < Self.backlog { _ = try await queue(.backlog).enqueue(request, count: Self.backlog) }
            if ContinuousClock.now - lastStale > .milliseconds(700) {
                _ = try await queue(.stale).enqueue(OperationRequest(tasks: [Self.noop], lane: .backgroundHighIO))
                ledger.count("operations behind a backlog")
                lastStale = .now
            }
            // The backlog is filled up far sooner than workers run it.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// More than all workers run in a second.
    private static let backlog = 300

    // MARK: Troubles

    /// Lets crowds of callers depend on one operation after the other, so that its row is never unlocked for long.
    func depend(until end: ContinuousClock.Instant) async {
        await untilEnd(end, "depending") {
            let hot = try await queue(.hot).enqueue(
                OperationRequest(tasks: [Self.noop], delay: .milliseconds(400))
            ).uuid
            let over = min(end, ContinuousClock.now + .seconds(9))
            await withDiscardingTaskGroup { group in
                for number in 0..<6 {
                    group.addTask { await lockInShareMode(hot, number, until: over) }
                }
                group.addTask {
                    await untilEnd(over, "depending on \(hot)") {
                        guard try await isWaiting(hot) else { throw CancellationError() }
                        _ = try await queue(.plain).enqueue(OperationRequest(tasks: [Self.noop], dependsOn: [hot]))
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
                await untilEnd(over, "waiting for \(hot)") {
                    try await Task.sleep(for: .milliseconds(50))
                    if try await !isWaiting(hot) { group.cancelAll() }
                    guard try await isWaiting(hot) else { throw CancellationError() }
                }
            }
            ledger.count("operations that many depend on")
        }
    }

    private func isWaiting(_ id: OperationID) async throws -> Bool {
        try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE id = \(id) AND state = 'queued'") == 1
    }

    /// Does what an enqueue does whose caller has a transaction of its own.
    private func lockInShareMode(_ id: OperationID, _ number: Int, until end: ContinuousClock.Instant) async {
        guard let connection = try? await Connection.open(cluster.configuration) else { return }
        while ContinuousClock.now < end, !Task.isCancelled {
            try? await connection.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM work_queue WHERE id = \(id) LOCK IN SHARE MODE")
                usleep(UInt32(40_000 + number * 7_000))
            }
        }
        await connection.close()
    }

    /// Holds one row after the other, in share and in exclusive mode, for 0.3 to 3 s.
    func hold(until end: ContinuousClock.Instant) async {
        var random = settings.generator(7)
        await untilEnd(end, "holding rows") {
            let id = try await queue(.held).enqueue(OperationRequest(tasks: [Self.noop], delay: .milliseconds(300)))
                .uuid
            let time = UInt32.random(in: 300_000...3_000_000, using: &random)
            let mode: SQL = Bool.random(using: &random) ? "FOR UPDATE" : "LOCK IN SHARE MODE"
            let connection = try await Connection.open(cluster.configuration)
            ledger.hold(id)
            try? await connection.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM work_queue WHERE id = \(id) \(sql: mode)")
                usleep(time)
            }
            ledger.release(id)
            await connection.close()
            ledger.count("rows held by strangers")
        }
    }

    /// Claims an operation as a worker does that is stopped before its COMMIT, and asks for something of the same
    /// target.
    func stopClaims(until end: ContinuousClock.Instant) async {
        await untilEnd(end, "stopping claims") {
            let target = Self.network(0)
            // So late that no worker takes it.
            let taken = OperationRequest(
                tasks: [Self.update],
                target: target,
                lane: .background,
                delay: .seconds(3600),
                allowsDedup: false
            )
            let id = try await queue(.stopped).enqueue(taken).uuid
            let key = try await cluster.operation(id).exclusiveKey ?? ""
            let connection = try await Connection.open(cluster.configuration)
            let behind = Locked<OperationID?>(nil)
            ledger.hold(target: key)
            await withDiscardingTaskGroup { group in
                group.addTask {
                    _ = try? await connection.withTransaction { transaction in
                        _ = try transaction.execute("INSERT INTO running_targets VALUES (\(key), \(id))")
                        _ = try transaction.execute(
                            """
                            UPDATE work_queue
                            SET state = 'executing', session = UUID(), worker_node = 'h0', worker_pid = 1, deliveries = 1,
                                claimed_at = NOW(6), started_at = NOW(6)
                            WHERE id = \(id) AND state = 'queued'
                            """
                        )
                        usleep(UInt32(settings.stoppedClaim / .microseconds(1)))
                        throw CancellationError()
                    }
                }
                group.addTask {
                    // After the claim has written its row, of which nothing outside of its transaction tells.
                    try? await Task.sleep(for: .milliseconds(200))
                    let request = OperationRequest(
                        tasks: [Self.update],
                        target: target,
                        lane: .userWaiting,
                        allowsDedup: false
                    )
                    let queued = try? await queue(.behind).enqueue(request).uuid
                    behind.update { $0 = queued }
                }
            }
            ledger.release(target: key)
            await connection.close()
            _ = try await queue(.stopped).cancel(id)
            ledger.count("claims stopped before their COMMIT")
            // So that the target runs now and then.
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// Pauses a queue, and lets it go on.
    func pause(until end: ContinuousClock.Instant) async {
        var random = settings.generator(8)
        await untilEnd(end, "pausing") {
            try await cluster.execute("INSERT INTO queue_pauses VALUES (\(Self.paused), 'to see', 'test', NOW(6))")
            let time = Duration.milliseconds(Int.random(in: 500...3500, using: &random))
            // For how long the pause stands is what is tried.
            try? await Task.sleep(for: time)
            try await cluster.execute("DELETE FROM queue_pauses")
            ledger.count("pauses")
            try? await Task.sleep(for: .milliseconds(700))
        }
        _ = try? await cluster.execute("DELETE FROM queue_pauses")
    }

    /// Sets the database's clock an hour ahead and back, and an hour behind and back, if it can be set.
    func stepClock(until end: ContinuousClock.Instant) async {
        guard let step = settings.stepClock else { return }
        for hours in [1, 0, -1, 0] where ContinuousClock.now < end {
            do {
                try step(.seconds(3600 * hours))
                ledger.setClock()
                ledger.count("steps of the clock")
            } catch {
                ledger.complain("stepping the clock: \(error)")
            }
            // As long as a renewal, so that each step is seen by some polls and not by others.
            try? await Task.sleep(for: .seconds(2))
        }
    }
}
