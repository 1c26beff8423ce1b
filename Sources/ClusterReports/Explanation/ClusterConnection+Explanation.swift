import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

extension ClusterConnection {
    /// Says why an operation has not run, or what became of it; all as it was at one moment.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere.
    package func explanation(of id: OperationID) async throws -> ExplanationView {
        switch try await settled(id) {
        case .unreadable(let outline, let reason, let now): return ExplanationView(outline, because: reason, now: now)
        case .facts(var facts):
            if Explanation(facts).mayBeHeld { facts.isHeld = try await isHeld(id) }
            return ExplanationView(facts)
        }
    }

    /// The longest wait for sessions that may only seem to be over, because the database's clock was set, and the pause
    /// between two reads.
    ///
    /// A living process renews its session every two seconds; one that has died is marked dead after its lease.
    private static let patienceWithSilent: Duration = .seconds(3)
    private static let pauseWithSilent: Duration = .milliseconds(200)

    /// Reads what is known of an operation, once it is known whether somebody drains its queue.
    private func settled(_ id: OperationID) async throws -> Found {
        let deadline = ContinuousClock.now + Self.patienceWithSilent
        while true {
            let found = try await snapshot { session in try Self.found(id, on: session) }
            guard case .facts(let facts) = found, facts.operation.state == .queued,
                facts.workers.living == 0, facts.workers.silent > 0, ContinuousClock.now < deadline
            else { return found }
            // A renewal writes a row and rings nobody: only another read shows it.
            try await Task.sleep(for: Self.pauseWithSilent)
        }
    }

    /// A snapshot of what is known of an operation.
    private enum Found: Sendable {
        case facts(ExplanationFacts)
        case unreadable(UnreadableOutline, because: String, now: Timestamp)
    }

    private static func found(_ id: OperationID, on session: borrowing Session) throws -> Found {
        let operation: Operation
        switch try OperationStatements.readable(id, on: session) {
        case .operation(let found): operation = found
        case .unreadable(let found): return try outline(of: found, on: session)
        case nil: throw ClusterOpsError(.notFound, "there is no operation '\(id)'")
        }
        var facts = ExplanationFacts(operation: operation, now: try OperationStatements.now(on: session))
        if !operation.state.isTerminal, let node = operation.nodeID {
            facts.isNodeGone = try NodeWorkStatements.isGone(node, on: session)
        }
        switch operation.state {
        case .blocked: facts.dependencies = try ExplanationStatements.dependencies(of: id, on: session)
        case .queued: try addWaiting(to: &facts, on: session)
        case .executing:
            facts.isWorkerGone = try ExplanationStatements.isGone(operation.worker?.session, on: session)
        case .folded:
            let ids = operation.foldedInto.map { [$0] } ?? []
            facts.primary = try ids.first.flatMap { try ExplanationStatements.primary($0, on: session) }
        case .complete, .error, .aborted, .cancelled: break
        }
        return .facts(facts)
    }

    /// The number of times that a row is tried which transactions of others may hold one after the other, and the pause
    /// between two.
    private static let triesOfRow = 5
    private static let pauseBetweenTries: Duration = .milliseconds(20)

    /// Returns whether other transactions hold the row of an operation that waits.
    private func isHeld(_ id: OperationID) async throws -> Bool {
        for _ in 0..<Self.triesOfRow {
            if try await read({ try ExplanationStatements.isHeld(id, on: $0) }) { return true }
            // Holders follow one another: the row may be free for the moment of one try. No event tells of a lock.
            try await Task.sleep(for: Self.pauseBetweenTries)
        }
        return false
    }

    private static func outline(of unreadable: UnreadableOperation, on session: borrowing Session) throws -> Found {
        guard let outline = try ExplanationStatements.outline(of: unreadable.id, on: session) else {
            throw ClusterOpsError(.notFound, "there is no operation '\(unreadable.id)'")
        }
        return .unreadable(outline, because: unreadable.reason, now: try OperationStatements.now(on: session))
    }

    private static func addWaiting(to facts: inout ExplanationFacts, on session: borrowing Session) throws {
        let operation = facts.operation
        let queue = operation.queue.description
        facts.readySetAt = try ExplanationStatements.readySetAt(operation.id, on: session)
        facts.pauses = try QueueStatements.pauses(on: session).filter { Glob($0.pattern).matches(queue) }
        if let key = operation.exclusiveKey {
            facts.holder = try TargetStatements.holder(of: key, on: session)
        }
        if operation.queue.target == .networkNode {
            facts.leader = try LeaseStatements.leader(ElectedLease.networkNode, on: session)?.holder
        }
        facts.workers = try ExplanationStatements.workers(for: operation, elected: facts.leader, on: session)
        if facts.workers.able == 0 {
            facts.obstacles = try TaskStatements.obstacles(to: operation.tasks, on: session).filter { obstacle in
                switch operation.queue.target {
                case .any: true
                case .node(let node): obstacle.node == node
                case .networkNode, .nodeNetwork: false
                }
            }
        }
        facts.ahead = try ExplanationStatements.ahead(
            of: operation,
            limit: ExplanationFacts.mostCounted,
            on: session
        )
    }
}
