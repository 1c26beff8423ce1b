import ClusterModel
import MariaDB

/// The wanted state of the cluster: its nodes, networks and interfaces.
///
/// Every change is one transaction with the rise of the generations that it means, with its line in the audit trail
/// and, unless they are left to the maintenance loops, with the operations that apply it.
package struct Inventory: Sendable {
    package let cluster: ClusterConnection
    private let applies: Bool

    /// Creates an inventory.
    ///
    /// - Parameters:
    ///   - cluster: Where it is kept.
    ///   - applies: Whether changes enqueue what it takes to apply them.
    package init(_ cluster: ClusterConnection, applies: Bool = true) {
        self.cluster = cluster
        self.applies = applies
    }

    /// A change inside its transaction: the object as it is then, and the operations that were enqueued.
    struct Change<Object: Sendable>: Sendable {
        let object: Object
        /// The line of the audit trail; nil where nothing was changed.
        let audited: AuditedChange?
        let enqueued: EnqueuedWork

        init(_ object: Object, audited: AuditedChange?, enqueued: EnqueuedWork = EnqueuedWork()) {
            self.object = object
            self.audited = audited
            self.enqueued = enqueued
        }

        /// The object as it was and is.
        static func none(_ object: Object) -> Self { Self(object, audited: nil) }
    }

    /// Runs a change, writes it down in its transaction, and rings for what it enqueued once it is committed.
    func change<Object>(
        _ body: @Sendable (borrowing Transaction) throws -> Change<Object>
    ) async throws -> Changed<Object> {
        let change = try await cluster.write { transaction in
            let change = try body(transaction)
            if let audited = change.audited { try cluster.audit(audited, in: transaction) }
            return change
        }
        await cluster.queue.committed(change.enqueued)
        return Changed(change.object, operations: change.enqueued.receipts.map(\.uuid))
    }

    /// Enqueues what applies a change, in its transaction.
    func apply(_ work: [AppliedWork], in transaction: borrowing Transaction) throws -> EnqueuedWork {
        guard applies else { return EnqueuedWork() }
        return try enqueue(work, in: transaction)
    }

    /// Enqueues work whether or not changes are applied: it is what was asked for.
    func enqueue(_ work: [AppliedWork], in transaction: borrowing Transaction) throws -> EnqueuedWork {
        var enqueued = EnqueuedWork()
        var rest = work.map(\.request)[...]
        while !rest.isEmpty {
            let page = rest.prefix(OperationQueue.transactionSize)
            rest = rest.dropFirst(page.count)
            enqueued += try cluster.queue.enqueue(Array(page), in: transaction)
        }
        return enqueued
    }

    /// Returns an error that says in words what a duplicate key means; returns any other error as it is.
    package static func conflict(_ error: any Error, _ meanings: [String: String]) -> any Error {
        guard let key = (error as? DatabaseError)?.duplicateKey, let meaning = meanings[key] else { return error }
        return ClusterOpsError(.conflict, meaning)
    }

    static func unknownNode(_ name: NodeName) -> ClusterOpsError {
        ClusterOpsError(.notFound, "there is no node '\(name)'")
    }

    static func unknownNetwork(_ name: NetworkName) -> ClusterOpsError {
        ClusterOpsError(.notFound, "there is no network '\(name)'")
    }
}

/// Work that applies a change of wanted state; one value is at most one operation.
struct AppliedWork: Sendable, Hashable {
    let tasks: [BuiltInTask]
    let network: NetworkName
    var node: NodeName?
    var parameters: String?

    var request: OperationRequest {
        OperationRequest(tasks: tasks.map(\.name), target: .init(network: network, node: node), parameters: parameters)
    }

    /// The mesh of a network on some nodes, by name.
    static func mesh(_ network: NetworkName, on nodes: Set<NodeName>) -> [AppliedWork] {
        nodes.sorted().map { AppliedWork(tasks: [.networkEnsureMesh], network: network, node: $0) }
    }

    /// The servers of a network.
    static func servers(_ network: NetworkName) -> AppliedWork {
        AppliedWork(tasks: [.networkApplyUpdateDNSMasq], network: network)
    }
}
