import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// The handler of `network_ensure_mesh` and `network_apply_create_hypervisor`: makes a node's share of one network's
/// mesh.
///
/// Both tasks are the same work, because the work is to make what is missing.
package struct EnsureMeshHandler: TaskHandler {
    package let definition: TaskDefinition
    private let loop: ReconcileLoop

    /// Creates a handler for the node of a loop, for one of the two tasks.
    init(_ task: BuiltInTask, loop: ReconcileLoop) {
        precondition(task == .networkEnsureMesh || task == .networkApplyCreateHypervisor, "a task of the mesh")
        definition = task.definition
        self.loop = loop
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: loop.networks.node) { network in
            // A network that is gone, or has nothing on this node any more, needs nothing here.
            guard let vni = try await loop.networks.vni(of: network) else {
                return NetworkTask.done(["wanted": .bool(false)])
            }
            let outcome = try await loop.reconcile(.network(vni), .operation)
            guard outcome.network == network else { return NetworkTask.done(["wanted": .bool(false)]) }
            if let reason = outcome.unreadable, outcome.isMeshUnreadable {
                return NetworkTask.unreadable(reason)
            }
            if let trouble = outcome.meshTrouble {
                return .failed(OperationFailure(code: "mesh_not_converged", message: trouble))
            }
            if let trouble = outcome.portTrouble {
                return .failed(OperationFailure(code: "ports_not_secured", message: trouble))
            }
            if let failure = outcome.namespaceFailure { throw failure }
            // A failure of its egress is a problem of the network, and no failure of the mesh.
            if outcome.isNetworkNode { _ = try await loop.reconcile(.egress(vni), .operation) }
            return NetworkTask.done([
                "wanted": .bool(true), "devices_changed": .integer(Int64(outcome.devicesChanged)),
                "entries_changed": .integer(Int64(outcome.entriesChanged)),
            ])
        }
    }
}

/// The handler of `network_apply_delete_hypervisor`: removes a network's bridge and tunnel from a node that does not
/// take part in the network any more.
///
/// The network may be gone by then, and its VNI with it: the parameter `vni` names the devices.
package struct DeleteMeshHandler: TaskHandler {
    package let definition = BuiltInTask.networkApplyDeleteHypervisor.definition
    private let loop: ReconcileLoop

    /// Creates a handler for the node of a loop.
    init(loop: ReconcileLoop) {
        self.loop = loop
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: loop.networks.node) { network in
            let given: VNI?
            do throws(BadParameters) {
                given = try NetworkTask.vni(in: attempt.operation)
            } catch {
                return error.outcome
            }
            var known = given
            if known == nil { known = try await loop.networks.vni(of: network) }
            guard let known else {
                let message = "the network is gone, and no parameter 'vni' says which devices were its"
                return .failed(OperationFailure(code: "unknown_vni", message: message))
            }
            let outcome = try await loop.reconcile(.network(known), .operation, removing: .all)
            return Self.outcome(of: outcome.removal ?? .stillWanted, known)
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
