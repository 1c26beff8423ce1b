import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

extension NodeNetworks {
    /// What is wanted of the ways out of all networks, or of one; a network without NAT has none.
    private func wantedEgress(_ network: NetworkID? = nil) async throws -> EgressWanted.Snapshot {
        EgressWanted.Snapshot(try await database.withSession { try ExternalStatements.rows(of: network, on: $0) })
    }

    private func egressScope(_ network: NetworkID?, _ only: Set<VNI>?) async throws -> EgressReconciler.Scope? {
        guard let network else { return .init(only: only, try await wantedEgress()) }
        let (vni, rows) = try await database.withSession { session in
            (try MeshStatements.vni(of: network, on: session), try ExternalStatements.rows(of: network, on: session))
        }
        guard let vni else { return nil }
        return .init(only: [vni], EgressWanted.Snapshot(rows))
    }

    /// Makes the way out of a network as it is wanted, or those of all networks, if this node may be elected.
    ///
    /// Also where nobody hears it yet: a take-over then has only to announce it. What is wrong is written down as the
    /// network's own problem, and keeps neither its guests from their addresses nor others from anything.
    ///
    /// - Parameters:
    ///   - network: which; nil is all.
    ///   - only: those of them that are looked at; nil is all.
    ///   - tenure: under which it is written down what was reached; nil writes nothing down but problems.
    /// - Returns: What is wrong with those that are not as they are wanted.
    /// - Throws: `TenureOver`, `DatabaseError`, and `HostCommandError` when the node's devices cannot be read.
    @discardableResult
    func makeEgress(
        of network: NetworkID? = nil,
        only: Set<VNI>? = nil,
        under tenure: Tenure? = nil
    ) async throws -> [NetworkID: any Error] {
        guard try await isNetworkNode() else {
            egress.forgetAll()
            return [:]
        }
        let known = ledger.knownProblems
        let pass = try await egress.pass { try await egressScope(network, only) }
        var failed: [NetworkID: any Error] = [:]
        for wanted in pass.wanted {
            if let failure = pass.failures[wanted.vni] {
                failed[wanted.network] = failure
                try await ledger.problem(AppliedPart.egress.rawValue, of: wanted.network, "\(failure)")
            } else if let tenure {
                try await ledger.reached(.egress, of: wanted.network, generation: wanted.generation, under: tenure)
            }
        }
        for unreadable in pass.unreadable {
            let failure = UnreadableEgress(network: unreadable)
            failed[unreadable.id] = failure
            try await ledger.problem(AppliedPart.egress.rawValue, of: unreadable.id, "\(failure)")
        }
        let unwanted = pass.failures.filter { failure in !pass.wanted.contains { $0.vni == failure.key } }
        for (vni, error) in unwanted {
            logger.warning("egress is left that is not wanted", metadata: ["vni": "\(vni)", "error": "\(error)"])
        }
        try await ledger.closeProblems(among: known) { what, id in
            let isLookedAt =
                (network == nil && only == nil) || id == network || pass.wanted.contains { $0.network == id }
            return what != AppliedPart.egress.rawValue || failed[id] != nil || !isLookedAt
        }
        return failed
    }

    /// Tells the segment outside where all the networks' external addresses are now.
    func announceEgress() async throws {
        let wanted = try await wantedEgress().networks
        guard !wanted.isEmpty else { return }
        try await egress.announce(wanted)
    }
}

/// A way out of which it cannot be read what is wanted: it stays as it is.
struct UnreadableEgress: Error, CustomStringConvertible {
    let network: UnreadableNetwork

    var description: String {
        "what is wanted of its way out cannot be read, and what there is of it is left as it is: \(network.reason)"
    }
}
