import ClusterModel
import ClusterStore
import MariaDB

/// The changes that a netnode makes to the elected role, each in one transaction with its line in the audit trail.
///
/// The lease's row is changed first, because only that says whether there is something to write down. It stays locked
/// for one statement and the COMMIT.
struct LeaseChange: Sendable {
    private let lease: String
    private let term: UInt64
    private let candidate: LeaseCandidate
    private let node: NodeID?

    /// Creates the changes under a term.
    ///
    /// - Parameters:
    ///   - lease: The name of the lease.
    ///   - term: The term that is held; of one that is to be acquired, the one before.
    ///   - candidate: The process that makes them.
    ///   - node: Its node, where that is known.
    init(_ lease: String, _ term: UInt64, _ candidate: LeaseCandidate, _ node: NodeID?) {
        self.lease = lease
        self.term = term
        self.candidate = candidate
        self.node = node
    }

    /// Takes the lease if it still is as it was seen, and writes down who has lost it without giving it back.
    ///
    /// - Returns: Whether it was taken.
    func acquire(
        after seen: ElectionState.Sighting,
        for duration: Duration,
        on session: borrowing Session
    ) throws -> Bool {
        try session.transaction { transaction in
            // Of the term that was seen: whoever holds it cannot change before the next statement succeeds.
            let loser = try LeaseStatements.holder(of: lease, term: seen.term, on: transaction.session)
            guard
                try LeaseStatements.acquire(
                    lease,
                    after: seen,
                    by: candidate,
                    lease: duration,
                    on: transaction.session
                )
            else { return false }
            if let loser {
                try record(AuditedChange(.leaderLost, of: loser, term: seen.term), in: transaction)
            }
            try record(change(.leaderElected, seen.term + 1), in: transaction)
            return true
        }
    }

    /// Gives the lease back, to be taken by a successor before others.
    func resign(to successor: SessionID?, because cause: Handover.Cause?, on session: borrowing Session) throws {
        try session.transaction { transaction in
            let isGivenBack = try LeaseStatements.resign(
                lease,
                term: term,
                by: candidate,
                to: successor,
                on: transaction.session
            )
            guard isGivenBack else { return }
            try record(change(.leaderResigned, term, cause?.reason), in: transaction)
        }
    }

    /// Answers whoever asked for a resignation that the holder stays, and why.
    func refuse(
        _ resignation: ResignationID,
        because refusal: Handover.Refusal,
        on session: borrowing Session
    ) throws {
        try session.transaction { transaction in
            let isRefused = try HandoverStatements.refuse(
                resignation,
                of: lease,
                term: term,
                by: candidate,
                because: refusal,
                on: transaction.session
            )
            guard isRefused else { return }
            try record(change(.resignationRefused, term, refusal.rawValue), in: transaction)
        }
    }

    private func change(_ kind: AuditKind, _ term: UInt64, _ reason: String? = nil) -> AuditedChange {
        AuditedChange(kind, of: candidate.node, id: node, term: term, reason: reason)
    }

    private func record(_ change: AuditedChange, in transaction: borrowing Transaction) throws {
        try AuditStatements.record(change, requester: candidate.node.netnode, in: transaction)
    }
}

extension AuditedChange {
    /// The line of a change of the elected role, whose subject is the node that has it.
    package init(_ kind: AuditKind, of node: NodeName, id: NodeID? = nil, term: UInt64, reason: String? = nil) {
        self.init(
            kind,
            of: "\(node)",
            id: id.map { AuditSubjectID(rawValue: $0.rawValue) },
            reason: reason,
            values: ["term": .integer(Int64(clamping: term))]
        )
    }
}

extension NodeName {
    /// The netnode of the node, as a requester.
    package var netnode: String { "\(DaemonName.netnode.rawValue) \(self)" }
}

extension Handover.Cause {
    /// The cause in words.
    fileprivate var reason: String {
        switch self {
        case .stopping: "its netnode ends"
        case .ineligible: "the node is drained, or is no network node any more"
        case .requested: "it was asked to resign"
        }
    }
}
