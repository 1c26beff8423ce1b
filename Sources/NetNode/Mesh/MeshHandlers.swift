import ClusterOps
import FoundationEssentials
import MariaDB

/// A state of a network that a node has reached.
package struct AppliedGeneration: Sendable, Hashable {
    /// The part of a network that is applied by itself.
    package enum Part: String, Sendable, Hashable {
        case mesh
    }

    package let network: NetworkID
    package let node: NodeID
    package let part: Part
    package let generation: UInt64
}

/// `network_ensure_mesh` and `network_apply_create_hypervisor`: gives a node its share of one network's mesh.
///
/// Both names stand for the same work, because the work is to make what is missing.
package struct EnsureMeshHandler: TaskHandler {
    package let definition: TaskDefinition
    private let reconciler: MeshReconciler
    private let record: @Sendable (AppliedGeneration) async throws -> Void

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - task: one of the two.
    ///   - reconciler: of the node that the handler runs on.
    ///   - record: writes down what was reached, and is only called when the kernel has been read back.
    package init(
        _ task: BuiltInTask,
        reconciler: MeshReconciler,
        record: @escaping @Sendable (AppliedGeneration) async throws -> Void
    ) {
        precondition(task == .networkEnsureMesh || task == .networkApplyCreateHypervisor, "a task of the mesh")
        definition = task.definition
        self.reconciler = reconciler
        self.record = record
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await MeshTask.outcome(of: attempt, on: reconciler) { network in
            let pass = try await reconciler.pass(.network(network))
            // A network that is gone, or has nothing on this node any more, needs nothing here.
            guard !pass.wanted.networks.isEmpty else { return MeshTask.done(["wanted": .bool(false)]) }
            for network in pass.converged {
                try await record(
                    AppliedGeneration(
                        network: network.id,
                        node: reconciler.node,
                        part: .mesh,
                        generation: network.generation
                    )
                )
            }
            guard pass.hasConverged else {
                return .failed(OperationFailure(code: "mesh_not_converged", message: pass.trouble))
            }
            return MeshTask.done([
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

    /// Creates a handler for the node of a reconciler.
    package init(reconciler: MeshReconciler, database: Database) {
        self.reconciler = reconciler
        vni = { network in
            try await database.withSession { session in try MeshStatements.vni(of: network, on: session) }
        }
    }

    private struct Parameters: Decodable {
        let vni: VNI?
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await MeshTask.outcome(of: attempt, on: reconciler) { network in
            let text = attempt.operation.parameters ?? "{}"
            let given: VNI?
            do {
                given = try JSONDecoder().decode(Parameters.self, from: Data(text.utf8)).vni
            } catch {
                let message = "the parameters must be like {\"vni\": 100}: \(error)"
                return .failed(OperationFailure(code: "bad_parameters", message: message))
            }
            var known = given
            if known == nil { known = try await vni(network) }
            guard let known else {
                let message = "the network is gone, and no parameter 'vni' says which devices were its"
                return .failed(OperationFailure(code: "unknown_vni", message: message))
            }
            return Self.outcome(of: try await reconciler.delete(known), known)
        }
    }

    private static func outcome(of deletion: MeshDeletion, _ vni: VNI) -> TaskOutcome {
        switch deletion {
        case .deleted: MeshTask.done(["deleted": .bool(true)])
        case .absent: MeshTask.done(["deleted": .bool(false), "reason": .string("absent")])
        case .stillWanted: MeshTask.done(["deleted": .bool(false), "reason": .string("wanted")])
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

/// What the tasks of the mesh have in common: whom they are for, and what their errors mean.
private enum MeshTask {
    static func outcome(
        of attempt: Attempt,
        on reconciler: MeshReconciler,
        _ work: (NetworkID) async throws -> TaskOutcome
    ) async -> TaskOutcome {
        guard let network = attempt.operation.networkID, attempt.operation.nodeID == reconciler.node else {
            let message = "'\(attempt.task)' needs a network, and this node as its node"
            return .failed(OperationFailure(code: "wrong_target", message: message))
        }
        do {
            return try await work(network)
        } catch let error as HostCommandError {
            return .failed(
                OperationFailure(code: "host_command_failed", message: "\(error)", stderrTail: error.complaint)
            )
        } catch let error as DatabaseError {
            // Not the task's fault: no attempt is spent on it.
            if error.isUnreachable { return .tryLater }
            return .failed(OperationFailure(code: "database", message: "\(error)"))
        } catch is CancellationError {
            return .interrupted
        } catch {
            return .failed(OperationFailure(code: "mesh", message: "\(error)"))
        }
    }

    static func done(_ result: [String: JSONValue]) -> TaskOutcome {
        // A dictionary of words and numbers always encodes.
        let data = try? JSONEncoder.contract.encode(JSONValue.object(result))
        return .done(result: data.map { String(decoding: $0, as: UTF8.self) })
    }
}
