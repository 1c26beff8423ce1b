import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import Synchronization

/// Runs over all networks at once.
extension ReconcileLoop {
    /// Reconciles the mesh, the namespaces and the servers of all networks; one that fails does not hold up the others.
    ///
    /// Problems of single networks are recorded, and maintenance tries those networks again.
    ///
    /// - Parameters:
    ///   - priority: the urgency.
    ///   - served: called once all servers are reconciled, before the runs have ended.
    /// - Throws: The error of the read of all networks, or the first failure that another attempt may not have.
    func bringAll(_ priority: Queue.Priority, served: (@Sendable () -> Void)? = nil) async throws {
        let vnis = try await networks.vnis()
        let left = Mutex(vnis)
        let results = try await reconcile(vnis.map { .network($0) }, priority) { vni in
            let isLast = left.withLock { $0.remove(vni) != nil && $0.isEmpty }
            if isLast { served?() }
        }
        for result in results.values {
            let outcome = try result.get()
            guard let failure = outcome.serverFailure, outcome.namespaceFailure == nil, !(failure is ServerError) else {
                continue
            }
            throw failure
        }
    }

    /// Reconciles the egress of all networks.
    ///
    /// - Throws: `DatabaseError` when the wanted state cannot be read.
    func bringAllEgress(_ priority: Queue.Priority) async throws {
        let results = try await reconcile(try await networks.vnis().map { .egress($0) }, priority)
        for result in results.values { _ = try result.get() }
    }

    /// Reconciles everything that is wanted on this node, and closes the problems that no longer exist.
    ///
    /// - Parameter isServing: whether this node serves; one that does not closes the problems that only elected nodes
    ///   find.
    /// - Throws: The error that kept it from reading wanted or actual state, or from recording its findings.
    func maintain(isServing: Bool) async throws {
        let ledger = networks.ledger
        try await ledger.refresh(over: networks.reads)
        let known = ledger.knownProblems
        let wanted = try await networks.wanted()
        // The same runs forget the networks that are not wanted any more.
        let vnis = wanted.vnis.union(networks.known.withLock { $0.vnis })
        let results = try await reconcile(vnis.map { .network($0) }, .background)
        for result in results.values { _ = try result.get() }
        if wanted.isNetworkNode {
            let results = try await reconcile(vnis.map { .egress($0) }, .background)
            for result in results.values { _ = try result.get() }
        }
        for network in wanted.unreadable {
            let message = "its row cannot be read, and what there is of it is left as it is: \(network.reason)"
            if try await ledger.problem(NodeNetworks.rowProblem, of: network.id, message) {
                logger.error("a network is left out", metadata: ["id": "\(network.id)", "error": "\(network.reason)"])
            }
        }
        let (ids, unreadable) = (Set(wanted.mesh.networks.map(\.id)), Set(wanted.unreadable.map(\.id)))
        try await ledger.closeProblems(among: known) { what, network in
            if what == NodeNetworks.rowProblem || unreadable.contains(network) { return unreadable.contains(network) }
            return ids.contains(network) && (!NodeNetworks.problemsOfElected.contains(what) || isServing)
        }
    }
}
