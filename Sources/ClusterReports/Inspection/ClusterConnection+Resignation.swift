import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// The outcome of asking the elected node to resign.
package enum ResignationOutcome: Sendable, Hashable {
    /// Another node serves.
    case handedOver(LeaderChangeView)
    /// Nobody was elected, so nobody could resign.
    case nobodyElected
    /// It stays elected.
    case refused(by: NodeName, Handover.Refusal)
    /// Its lease ended without a hand-over, and it was elected again.
    case electedAgain(NodeName, term: UInt64)
    /// The time is over, and the request was withdrawn.
    case timedOut(NodeName, hasResigned: Bool)
}

extension ClusterConnection {
    /// Asks the elected node to hand over to another one, and waits until that one serves.
    ///
    /// The holder sees the request at its next renewal; it serves on until another node is ready, and stays when none
    /// is.
    ///
    /// - Parameter limit: how long to wait at most; then the request is withdrawn.
    /// - Returns: what came of it.
    /// - Throws: `ClusterOpsError`.
    package func resignLeader(within limit: Duration) async throws -> ResignationOutcome {
        guard let before = try await course(), let holder = before.holder else { return .nobodyElected }
        let request = ResignationID.new()
        // Somebody may have asked before: then that request is waited for.
        var awaited = request
        let deadline = ContinuousClock.now + limit
        var pace = PollPace()
        try await ask(holder, before.term, toResign: request)
        while true {
            // It was there a moment ago.
            let now = try await course() ?? before
            if now.term > before.term {
                if let outcome = Self.outcome(now, after: holder) { return outcome }
            } else if now.refused == awaited, let refusal = now.refusal {
                return .refused(by: holder, refusal)
            } else if let standing = now.resignation {
                awaited = standing
            } else if now.holder != nil {
                // The one that stood was refused or withdrawn, and ours was never there.
                awaited = request
                try await ask(holder, before.term, toResign: request)
            }
            let left = deadline - .now
            guard left > .zero else { break }
            try await Task.sleep(for: pace.pause(left: left))
        }
        try await withdraw(request, from: holder, before.term)
        let last = try await course() ?? before
        if last.term > before.term, let outcome = Self.outcome(last, after: holder) { return outcome }
        return .timedOut(holder, hasResigned: last.term > before.term || last.holder == nil)
    }

    private func ask(_ holder: NodeName, _ term: UInt64, toResign request: ResignationID) async throws {
        try await write { transaction in
            let isAsked = try HandoverStatements.ask(
                holderOf: ElectedLease.networkNode,
                term: term,
                toResign: request,
                on: transaction.session
            )
            guard isAsked else { return }
            try audit(AuditedChange(.resignationRequested, of: holder, term: term), in: transaction)
        }
    }

    private func withdraw(_ request: ResignationID, from holder: NodeName, _ term: UInt64) async throws {
        try await write { transaction in
            let isWithdrawn = try HandoverStatements.withdraw(
                request,
                of: ElectedLease.networkNode,
                on: transaction.session
            )
            guard isWithdrawn else { return }
            try audit(AuditedChange(.resignationWithdrawn, of: holder, term: term), in: transaction)
        }
    }

    private static func outcome(_ now: HandoverStatements.Course, after holder: NodeName) -> ResignationOutcome? {
        guard let next = now.holder, now.isServed else { return nil }
        guard next != holder else { return .electedAgain(next, term: now.term) }
        return .handedOver(
            LeaderChangeView(name: ElectedLease.networkNode, previousHolder: holder, holder: next, term: Int(now.term))
        )
    }

    private func course() async throws -> HandoverStatements.Course? {
        try await read { try HandoverStatements.course(of: ElectedLease.networkNode, on: $0) }
    }
}
