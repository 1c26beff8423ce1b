import ClusterEngine
import ClusterModel
import ClusterReports
import MariaDB

/// Load, troubles and strangers for a while, and an oracle that reads the tables from outside.
///
/// It is the claim "while load lasts, every operation that is ready, not paused and has an able worker with a free
/// slot starts within a bound, and what `op explain` says of one that waits is true". A run in which no trouble came
/// about proves nothing.
public struct Liveness: Sendable {
    private let settings: LivenessSettings

    /// Creates a run; nothing happens before `run`.
    public init(_ settings: LivenessSettings) {
        self.settings = settings
    }

    /// The time that what is left may take to run once nothing disturbs any more.
    private static let patience: Duration = .seconds(60)
    /// Connections of the pool that workers and clients share.
    private static let connections = 40
    private static let askers: UInt64 = 3

    /// Loads a server, and judges.
    ///
    /// - Parameter server: Any that has 100 connections to give.
    /// - Returns: What was seen.
    /// - Throws: When the server does not answer.
    public func run(on server: PrivateServer) async throws -> HammerReport {
        try await withCluster(connections: Self.connections, on: server) { cluster in
            for number in 0..<settings.workers { try await cluster.addNode("h\(number)") }
            for number in 0..<LivenessLoad.networks { try await cluster.addNetwork("net-\(number)") }
            let ledger = LivenessLedger()
            let load = LivenessLoad(cluster: cluster, settings: settings, ledger: ledger)
            let workers = try (0..<settings.workers).map { number in
                try cluster.liveWorker(
                    "h\(number)",
                    handlers: handlers(number),
                    slots: settings.slots,
                    stalenessBound: settings.stalenessBound
                )
            }
            let oracle = LivenessOracle(cluster: cluster, settings: settings, ledger: ledger)
            return try await cluster.withWorkers(workers) {
                // Before that "no live worker" would be true of everything.
                try await eventually("all workers have their sessions") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == settings.workers
                }
                let findings = await withTaskGroup(of: LivenessOracle.Findings?.self) { group in
                    group.addTask { await oracle.run() }
                    group.addTask {
                        await disturb(load)
                        return nil
                    }
                    // The load ends by itself, the oracle does not.
                    _ = await group.next()
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                let left = try await leftovers(cluster)
                return report(findings ?? LivenessOracle.Findings(), left, ledger.now)
            }
        }
    }

    /// Each takes some milliseconds, so that a few clients do not fill all slots.
    private func handlers(_ worker: Int) -> [any TaskHandler] {
        let log = EffectLog()
        return BuiltInTask.allCases.map { task in
            RecordingHandler(task.definition, log: log, course: { _ in .succeed(after: .milliseconds(15)) })
        }
    }

    /// First a backlog that never ends, then everything else at once.
    private func disturb(_ load: LivenessLoad) async {
        let crowded = ContinuousClock.now + settings.duration / 3
        await load.crowd(until: crowded)
        // What is left of it takes the slots for a moment.
        try? await Task.sleep(for: .seconds(1))
        let end = ContinuousClock.now + settings.duration * 2 / 3
        await withDiscardingTaskGroup { group in
            for number in 0..<Self.askers { group.addTask { await load.ask(number, until: end) } }
            group.addTask { await load.depend(until: end) }
            group.addTask { await load.hold(until: end) }
            group.addTask { await load.stopClaims(until: end) }
            group.addTask { await load.pause(until: end) }
            group.addTask { await load.stepClock(until: end) }
        }
    }

    /// Returns what has not ended once nothing disturbs any more.
    private func leftovers(_ cluster: TestCluster) async throws -> [String] {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0 { return [] }
            // The tables are read from outside of the engine, which tells this run nothing.
            try await Task.sleep(for: .milliseconds(100))
        }
        return try await cluster.database.withSession { session in
            try session.query(
                "SELECT CONCAT(requester, ' ', id, ' is ', state, ' in ', queue_name) FROM work_queue LIMIT 20"
            )
            .map { try $0.only(String.self) }
        }
    }

    private func report(
        _ findings: LivenessOracle.Findings,
        _ left: [String],
        _ ledger: LivenessLedger.State
    ) -> HammerReport {
        var report = HammerReport(seed: settings.seed)
        report.require("snapshots", findings.snapshots)
        report.require("explanations judged", findings.explanations)
        for name in [
            "requests", "retries", "operations behind a backlog", "operations that many depend on",
            "rows held by strangers",
            "claims stopped before their COMMIT", "pauses",
        ] { report.require(name, ledger.counts[name] ?? 0) }
        if settings.stepClock != nil { report.require("steps of the clock", ledger.counts["steps of the clock"] ?? 0) }
        for (part, time) in findings.longest.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            report.add(
                "longest wait of '\(part.rawValue)' that could run, in milliseconds",
                Int(time / .milliseconds(1))
            )
        }
        report.refuse("could run and did not", findings.late)
        report.refuse("explained by what is not true", findings.lies)
        report.refuse("never ended", left)
        report.refuse("went wrong", ledger.complaints)
        return report
    }
}
