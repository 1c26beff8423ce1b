import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import Synchronization

/// The work that is asked of all networks at once.
extension ReconcileLoop {
    /// Brings the mesh, the namespaces and the servers of all networks to what is wanted; one that is broken does not
    /// hold up the others.
    ///
    /// Problems of single networks are recorded, and maintenance tries those networks again.
    ///
    /// - Parameters:
    ///   - priority: how urgent it is.
    ///   - served: told once all servers are as they are wanted, before the runs have ended.
    /// - Throws: What kept it from finding out which networks there are, or the first of what kept it from bringing
    ///   some up that may go better the next time.
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

    /// Brings the egress of all networks to its wanted state, as far as they have one.
    ///
    /// - Throws: `DatabaseError` when it cannot be read what is wanted.
    func bringAllEgress(_ priority: Queue.Priority) async throws {
        let results = try await reconcile(try await networks.vnis().map { .egress($0) }, priority)
        for result in results.values { _ = try result.get() }
    }

    /// Reads back and repairs all that is wanted on this node, and closes the problems that are about nothing any more.
    ///
    /// - Parameter isServing: whether this node serves: what elected nodes alone find out is closed by the others.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    func maintain(isServing: Bool) async throws {
        let ledger = networks.ledger
        try await ledger.refresh()
        let known = ledger.knownProblems
        let wanted = try await networks.wanted()
        // What is wanted no more is forgotten by the same runs.
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
