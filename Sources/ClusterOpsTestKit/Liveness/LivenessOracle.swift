import ClusterEngine
import ClusterModel
import ClusterReports
import MariaDB

/// The check, from outside of the engine and under load, of which operations wait and of the reasons that are given.
struct LivenessOracle: Sendable {
    let cluster: TestCluster
    let settings: LivenessSettings
    let ledger: LivenessLedger

    /// The findings of the oracle.
    struct Findings: Sendable {
        var snapshots = 0
        var explanations = 0
        var late: [String] = []
        var lies: [String] = []
        var longest: [LivenessPart: Duration] = [:]
    }

    private static let pause: Duration = .milliseconds(100)
    /// The words of an explanation for a delay in the request.
    private static let delayAskedFor = "asked for a delay"
    /// Explanations of one round: a dozen statements each.
    private static let mostExplained = 5

    /// Takes snapshots and judges them until it is cancelled.
    func run() async -> Findings {
        var (findings, watch) = (Findings(), LivenessWatch(settings))
        var explained: [OperationID: ContinuousClock.Instant] = [:]
        do {
            let connection = try await Connection.open(cluster.configuration)
            while !Task.isCancelled {
                let snapshot = try await LivenessSnapshot.read(connection)
                findings.snapshots += 1
                findings.late += watch.observe(snapshot, ledger.now)
                let due = watch.toBeExplained(at: snapshot.at).filter { id in
                    explained[id].map { snapshot.at - $0 > .seconds(1) } ?? true
                }
                // By chance, so that a backlog does not take all the turns; what is kept from running is as much of
                // interest.
                for id in due.shuffled().prefix(Self.mostExplained) {
                    explained[id] = snapshot.at
                    guard let lie = try await judge(id, watch, connection) else { continue }
                    findings.lies.append(lie)
                }
                findings.explanations += min(due.count, Self.mostExplained)
                try? await Task.sleep(for: Self.pause)
            }
            await connection.close()
        } catch {
            if !Task.isCancelled { ledger.complain("the oracle: \(error)") }
        }
        findings.longest = watch.longest
        return findings
    }

    /// Asks for an explanation, and returns what is not true of it.
    private func judge(_ id: OperationID, _ watch: LivenessWatch, _ connection: Connection) async throws -> String? {
        let client = ClusterConnection(database: cluster.database, requester: "test", waker: NoWaker(), logger: .silent)
        let before = try await LivenessSnapshot.read(connection)
        // One that holds its row throughout is there before and after.
        let (heldBefore, isLockedBefore) = (ledger.now, try await isLocked(id, connection))
        let explanation: ExplanationView
        do {
            explanation = try await client.explanation(of: id)
        } catch let error as ClusterOpsError where error.code == .notFound {
            return nil
        }
        let isLockedAfter = try await isLocked(id, connection)
        let after = try await LivenessSnapshot.read(connection)
        let snapshots = [before, after]
        let found = snapshots.compactMap { snapshot in snapshot.queued.first { $0.id == id } }
        // It has begun meanwhile, or is too young to be seen.
        guard found.count == 2, explanation.state == .queued, let waiting = found.last else { return nil }
        let heldThroughout =
            waiting.key.map { heldBefore.heldTargets[$0] != nil && ledger.now.heldTargets[$0] != nil } == true

        func isTrue(_ said: ReasonView) -> Bool? {
            switch said.reason.rawValue {
            case "not_before":
                found.contains { !$0.isReady }
                    && (waiting.part == .stopped || !said.message.contains(Self.delayAskedFor)
                        || watch.waited(id, at: after.at) <= LivenessWatch.longestDelay)
            case "paused": snapshots.contains { $0.pausedQueues.contains(waiting.queue) }
            case "target_busy":
                heldThroughout
                    || snapshots.contains { snapshot in waiting.key.map(snapshot.runningKeys.contains) == true }
            case "ahead":
                snapshots.contains { snapshot in
                    snapshot.queued.contains { $0.id != id && $0.queue.hasSameTarget(as: waiting.queue) }
                }
            case "workers_busy":
                // At no moment in between can more have run than ran before and have begun since.
                before.executing + after.starts - before.starts >= settings.workers * settings.slots
            case "locked": isLockedBefore || isLockedAfter || waiting.part == .hot
            case "about_to_run":
                watch.couldRun(id, at: after.at) <= settings.explainedAfter && !heldThroughout
                    && heldBefore.heldRows[id] == nil
            // In-process workers of this run drain the elected node's queues without an election, unknown to the
            // tables.
            case "no_leader", "no_worker": waiting.queue.hasPrefix("networknode-") ? nil : false
            case "draining", "not_runnable", "refused": false
            default: nil
            }
        }
        guard let lie = explanation.reasons.first(where: { isTrue($0) == false }) else { return nil }
        return "\(waiting.part?.rawValue ?? "?") \(id) of \(waiting.queue), able to run for "
            + "\(watch.couldRun(id, at: after.at)): '\(lie.reason.rawValue): \(lie.message)'"
    }

    /// Returns whether somebody holds a row, tried a few times: a crowd holds it one after the other.
    private func isLocked(_ id: OperationID, _ connection: Connection) async throws -> Bool {
        for _ in 0..<3 {
            do {
                try await connection.withTransaction { transaction in
                    _ = try transaction.query("SELECT id FROM work_queue WHERE id = \(id) FOR UPDATE NOWAIT")
                }
            } catch let error as DatabaseError where error.code == .lockWaitTimeout || error.code == .deadlock {
                return true
            }
        }
        return false
    }
}

extension String {
    /// Returns whether two queues are of one target, in whatever lanes.
    fileprivate func hasSameTarget(as other: String) -> Bool { prefix { $0 != "-" } == other.prefix { $0 != "-" } }
}
