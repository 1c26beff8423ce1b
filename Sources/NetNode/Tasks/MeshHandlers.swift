import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// `network_ensure_mesh` and `network_apply_create_hypervisor`: gives a node its share of one network's mesh.
///
/// Both names stand for the same work, because the work is to make what is missing.
package struct EnsureMeshHandler: TaskHandler {
    package let definition: TaskDefinition
    private let reconciler: MeshReconciler
    private let ledger: NetworkLedger
    private let prepare: @Sendable (NetworkID) async throws -> Void

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - task: one of the two.
    ///   - reconciler: of the node that the handler runs on.
    ///   - ledger: where it is written down that the kernel has been read back.
    ///   - prepare: makes ready what stands on the mesh, on a node that may be elected.
    package init(
        _ task: BuiltInTask,
        reconciler: MeshReconciler,
        ledger: NetworkLedger,
        prepare: @escaping @Sendable (NetworkID) async throws -> Void = { _ in }
    ) {
        precondition(task == .networkEnsureMesh || task == .networkApplyCreateHypervisor, "a task of the mesh")
        definition = task.definition
        self.reconciler = reconciler
        self.ledger = ledger
        self.prepare = prepare
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: reconciler.node) { network in
            let pass = try await reconciler.pass(.network(network))
            if let unreadable = pass.wanted.unreadable.first(where: { $0.id == network }) {
                return NetworkTask.unreadable(unreadable.reason)
            }
            // A network that is gone, or has nothing on this node any more, needs nothing here.
            guard !pass.wanted.networks.isEmpty else { return NetworkTask.done(["wanted": .bool(false)]) }
            for network in pass.converged {
                try await ledger.reached(.mesh, of: network.id, generation: network.generation)
            }
            guard pass.hasConverged else {
                for wanted in pass.wanted.networks {
                    try await ledger.problem(AppliedPart.mesh.rawValue, of: network, pass.trouble(of: wanted.vni))
                }
                return .failed(OperationFailure(code: "mesh_not_converged", message: pass.trouble))
            }
            try await prepare(network)
            return NetworkTask.done([
                "wanted": .bool(true), "devices_changed": .integer(Int64(pass.deviceChanges)),
                "entries_changed": .integer(Int64(pass.entryChanges)),
            ])
        }
    }
}

/// `network_apply_delete_hypervisor`: takes a network's bridge and tunnel from a node that it does not concern any more.
///
/// The network may be gone by then, and its VNI with it: the parameter `vni` says which devices are meant.
package struct DeleteMeshHandler: TaskHandler {
    package let definition = BuiltInTask.networkApplyDeleteHypervisor.definition
    private let reconciler: MeshReconciler
    private let vni: @Sendable (NetworkID) async throws -> VNI?
    private let clear: @Sendable (VNI) async throws -> Void

    /// Creates a handler for the node of a reconciler.
    ///
    /// - Parameters:
    ///   - reconciler: of the node that the handler runs on.
    ///   - database: where the VNI is looked up, if no parameter says it.
    ///   - clear: takes away what of ours hangs on the devices.
    package init(
        reconciler: MeshReconciler,
        database: Database,
        clear: @escaping @Sendable (VNI) async throws -> Void = { _ in }
    ) {
        self.reconciler = reconciler
        self.clear = clear
        vni = { network in
            try await database.withSession { session in try MeshStatements.vni(of: network, on: session) }
        }
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: reconciler.node) { network in
            let given: VNI?
            do throws(BadParameters) {
                given = try NetworkTask.vni(in: attempt.operation)
            } catch {
                return error.outcome
            }
            var known = given
            if known == nil { known = try await vni(network) }
            guard let known else {
                let message = "the network is gone, and no parameter 'vni' says which devices were its"
                return .failed(OperationFailure(code: "unknown_vni", message: message))
            }
            return Self.outcome(of: try await reconciler.delete(known) { try await clear(known) }, known)
        }
    }

    private static func outcome(of deletion: MeshDeletion, _ vni: VNI) -> TaskOutcome {
        switch deletion {
        case .deleted: NetworkTask.done(["deleted": .bool(true)])
        case .absent: NetworkTask.done(["deleted": .bool(false), "reason": .string("absent")])
        case .stillWanted: NetworkTask.done(["deleted": .bool(false), "reason": .string("wanted")])
        case .vetoed(let devices):
            .failed(
                OperationFailure(
                    code: "foreign_device",
                    message: "\(BridgeName(vni)) is not deleted: \(devices.joined(separator: ", ")) hang on it"
                )
            )
        case .failed(let left, let complaints):
            .failed(
                OperationFailure(
                    code: "mesh_not_deleted",
                    message: "\(left.joined(separator: ", ")) could not be deleted",
                    stderrTail: complaints
                )
            )
        }
    }
}
