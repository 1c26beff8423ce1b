import MariaDB

extension ClusterConnection {
    /// Says why an operation has not run, or what became of it; all as it was at one moment.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere.
    package func explanation(of id: OperationID) async throws -> ExplanationView {
        var facts = try await snapshot { session in
            let (found, unreadable) = try OperationStatements.shown([id], on: session)
            if let unreadable = unreadable.first {
                throw ClusterOpsError(
                    .internalFailure,
                    "operation '\(id)' cannot be read, so that no worker runs it: \(unreadable.reason)"
                )
            }
            guard let operation = found.first else {
                throw ClusterOpsError(.notFound, "there is no operation '\(id)'")
            }
            var facts = ExplanationFacts(operation: operation, now: try OperationStatements.now(on: session))
            switch operation.state {
            case .blocked: facts.dependencies = try ExplanationStatements.dependencies(of: id, on: session)
            case .queued: try Self.addWaiting(to: &facts, on: session)
            case .executing:
                facts.isWorkerGone = try ExplanationStatements.isGone(operation.worker?.session, on: session)
            case .folded:
                let ids = operation.foldedInto.map { [$0] } ?? []
                facts.survivor = try OperationStatements.shown(ids, on: session).operations.first.map { survivor in
                    ExplanationFacts.Survivor(
                        id: survivor.id,
                        state: survivor.state,
                        startedAt: survivor.startedAt,
                        node: survivor.worker?.node
                    )
                }
            case .complete, .error, .aborted, .cancelled: break
            }
            return facts
        }
        if Explanation(facts).mayBeHeld { facts.isHeld = try await isHeld(id) }
        return ExplanationView(facts)
    }

    /// How often, and how closely, a row is tried that transactions of others may hold one after the other.
    private static let triesOfRow = 5
    private static let pauseBetweenTries: Duration = .milliseconds(20)

    /// Whether other transactions hold the row of an operation that waits.
    private func isHeld(_ id: OperationID) async throws -> Bool {
        for _ in 0..<Self.triesOfRow {
            if try await read({ try ExplanationStatements.isHeld(id, on: $0) }) { return true }
            try await Task.sleep(for: Self.pauseBetweenTries)
        }
        return false
    }

    private static func addWaiting(to facts: inout ExplanationFacts, on session: borrowing Session) throws {
        let operation = facts.operation
        let queue = operation.queue.description
        facts.readySetAt = try ExplanationStatements.readySetAt(operation.id, on: session)
        facts.pauses = try QueueStatements.pauses(on: session).filter { Glob($0.pattern).matches(queue) }
        if let key = operation.exclusiveKey {
            facts.holder = try ExplanationStatements.holder(of: key, on: session)
        }
        if operation.queue.target == .networkNode {
            facts.leader = try LeaseStatements.leader(networkNodeLease, on: session)?.holder
        }
        facts.workers = try ExplanationStatements.workers(for: operation, elected: facts.leader, on: session)
        facts.ahead = try ExplanationStatements.ahead(
            of: operation,
            limit: ExplanationFacts.mostCounted,
            on: session
        )
    }
}
