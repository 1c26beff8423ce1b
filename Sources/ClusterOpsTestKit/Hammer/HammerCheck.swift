import ClusterModel
import ClusterStore
import MariaDB

/// Holds what is left in the database against what callers were promised and what handlers have done.
struct HammerCheck: Sendable {
    private struct Ended: Sendable {
        let state: OperationState
        let primary: OperationID?
        let deliveries: Int
        let code: String?
    }

    private struct Run: Hashable {
        let operation: OperationID
        let delivery: Int
    }

    private let ended: [OperationID: Ended]
    private let live: [OperationID: String]
    private let ledger: HammerLedger.Contents
    private let log: EffectLog

    /// Reads what is left.
    init(_ cluster: TestCluster, ledger: HammerLedger, log: EffectLog) async throws {
        let (ended, live) = try await cluster.database.withSession { session in
            let ended = try session.query(
                "SELECT id, state, folded_into, deliveries, JSON_VALUE(error, '$.code') FROM finished_operations"
            ).map { try $0.decode((OperationID, OperationState, OperationID?, Int, String?).self) }
            let live = try session.query("SELECT id, state, queue_name FROM work_queue")
                .map { try $0.decode((OperationID, OperationState, String).self) }
            return (ended, live)
        }
        self.ended = Dictionary(
            ended.map { ($0.0, Ended(state: $0.1, primary: $0.2, deliveries: $0.3, code: $0.4)) },
            uniquingKeysWith: { first, _ in first }
        )
        self.live = Dictionary(live.map { ($0.0, "\($0.1) in \($0.2)") }, uniquingKeysWith: { first, _ in first })
        self.ledger = ledger.contents
        self.log = log
    }

    /// Everything that was promised, and everything without which the run would prove nothing.
    func report(_ report: inout HammerReport, unknown: DatabaseProxy.Counts, reaped: Int, handedBack: Int) {
        report.add("requests", ledger.requests)
        report.add("promised operations", ledger.promises.count)
        report.add("unanswered requests", ledger.unanswered)
        report.add("ended", ended.count)
        report.add("runs", log.effects.count)
        report.add("sent twice with one id", ledger.sentTwice)
        report.require("adopted at enqueue", ledger.adopted)
        report.require("folded at claim", ended.values.count { $0.primary != nil })
        report.require("unknown outcomes", unknown.unknown)
        report.add("cut before COMMIT", unknown.cutBefore)
        report.require("committed, outcome unknown to the caller", unknown.cutAfter)
        report.require("committed late", unknown.landedLate)
        report.add("never committed", unknown.neverLanded)
        report.add("resolved by the caller", ledger.resolved)
        report.require("workers killed", ledger.kills)
        report.add("workers cut off", ledger.isolations)
        report.add("connections dropped", unknown.dropped)
        report.require("deliveries reaped", reaped)
        report.add("deliveries handed back", handedBack)
        report.require("failed on order", ended.values.count { $0.code == RecordingHandler.failureCode })
        report.add("poisoned", ended.values.count { $0.code == "poison" })
        report.require("aborted", ended.values.count { $0.state == .aborted })

        report.refuse("lost", lost)
        report.refuse("stuck", live.map { "\($0.key) is \($0.value)" })
        report.refuse("twice", ended.keys.filter { live[$0] != nil }.map { "\($0) is live and has ended" })
        report.refuse("overlapping runs of one target", log.overlaps.map { "\($0.0) and \($0.1)" })
        report.refuse("stale", stale)
        report.refuse("followers with another end", strayFollowers)
        report.refuse("ended otherwise than it may", strangeEnds)
        report.refuse("answers that no caller should see", ledger.complaints)
    }

    private var lost: [String] {
        ledger.promises.filter { ended[$0.key] == nil && live[$0.key] == nil }.map { id, promise in
            "\(id) is nowhere; it was promised: \(promise.ways.joined(separator: "; "))"
        }
    }

    /// Completed operations whose run, or their primary's, read wanted state that was older than their request.
    private var stale: [String] {
        var reads: [Run: Int?] = [:]
        for effect in log.effects { reads[Run(operation: effect.operation, delivery: effect.delivery)] = effect.wanted }
        var found: [String] = []
        for (id, promise) in ledger.promises {
            guard let operation = ended[id], operation.state == .complete else { continue }
            let runner = operation.primary ?? id
            guard let deliveries = ended[runner]?.deliveries else { continue }
            guard let read = reads[Run(operation: runner, delivery: deliveries)] else {
                found.append("\(id) is complete, and \(runner) never ran for the \(deliveries)th time")
                continue
            }
            guard let need = promise.need else { continue }
            if read ?? 0 < need { found.append("\(id) needed version \(need), and \(runner) read \(read ?? 0)") }
        }
        return found
    }

    private var strayFollowers: [String] {
        ended.compactMap { id, operation in
            guard let primary = operation.primary else { return nil }
            guard let other = ended[primary] else { return "\(id) followed \(primary), which has not ended" }
            if other.primary != nil { return "\(id) followed \(primary), which followed itself" }
            if other.state != operation.state || other.code != operation.code {
                return "\(id) ended \(operation.state), and \(primary) \(other.state)"
            }
            return nil
        }
    }

    private var strangeEnds: [String] {
        ended.compactMap { id, operation in
            switch operation.state {
            case .complete: return nil
            case .error where ["poison", RecordingHandler.failureCode].contains(operation.code): return nil
            case .aborted where ledger.promises[id]?.mayBeAborted ?? true: return nil
            default: return "\(id) ended \(operation.state) (\(operation.code ?? "no code"))"
            }
        }
    }
}
