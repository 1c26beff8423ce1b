import ClusterEngine
import ClusterModel
import MariaDB

/// The handler of `network_apply_create_network_node`, `network_apply_update_dnsmasq` and `network_remove_dhcp_lease`:
/// reconciles a network on the elected node with the wanted state at the start of the handler.
///
/// The three tasks are the same work, because the work is to find and remove differences; a lease of a guest that is
/// not wanted any more is one.
package struct ServeNetworkHandler: TaskHandler {
    package static let tasks: [BuiltInTask] = [
        .networkApplyCreateNetworkNode, .networkApplyUpdateDNSMasq, .networkRemoveDHCPLease,
    ]

    package let definition: TaskDefinition
    private let loop: ReconcileLoop
    private let coordinator: NetworkCoordinator

    init(_ task: BuiltInTask, loop: ReconcileLoop, coordinator: NetworkCoordinator) {
        precondition(Self.tasks.contains(task), "a task that brings a network up")
        definition = task.definition
        self.loop = loop
        self.coordinator = coordinator
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: nil) { network in
            // Claimed at the end of a tenure: it is for the node that is elected next.
            guard coordinator.tenure != nil else { return .interrupted }
            let vni = try await loop.networks.vni(of: network)
            let outcome = if let vni { try await loop.reconcile(.network(vni), .operation) } else { Reconciled() }
            guard let vni, outcome.network == network else { return NetworkTask.done(["wanted": .bool(false)]) }
            if let reason = outcome.unreadable { return NetworkTask.unreadable(reason) }
            if let failure = outcome.namespaceFailure ?? outcome.serverFailure { throw failure }
            guard let server = outcome.server else { return .interrupted }
            // Last: guests have their addresses, whatever is wrong with the egress.
            if let failure = try await loop.reconcile(.egress(vni), .operation).egressFailure { throw failure }
            return NetworkTask.done(["wanted": .bool(true), "server": .string("\(server)")])
        }
    }
}

/// The handler of `network_apply_remove_dnsmasq` and `network_apply_delete_network_node`: removes what the elected node
/// has of a network that is gone.
package struct RemoveNetworkHandler: TaskHandler {
    package static let tasks: [BuiltInTask] = [.networkApplyRemoveDNSMasq, .networkApplyDeleteNetworkNode]

    package let definition: TaskDefinition
    private let loop: ReconcileLoop
    private let coordinator: NetworkCoordinator

    init(_ task: BuiltInTask, loop: ReconcileLoop, coordinator: NetworkCoordinator) {
        precondition(Self.tasks.contains(task), "a task that takes a network away")
        definition = task.definition
        self.loop = loop
        self.coordinator = coordinator
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: nil) { network in
            guard coordinator.tenure != nil else { return .interrupted }
            let given: VNI?
            do throws(BadParameters) {
                given = try NetworkTask.vni(in: attempt.operation)
            } catch {
                return error.outcome
            }
            // Asked for by VNI too: it may be another network's by now.
            guard try await !loop.networks.exists(given, network) else {
                return NetworkTask.done(["removed": .bool(false), "reason": .string("wanted")])
            }
            guard let given else {
                let message = "the network is gone, and no parameter 'vni' says which names and files were its"
                return .failed(OperationFailure(code: "unknown_vni", message: message))
            }
            let outcome = try await loop.reconcile(.network(given), .operation, removing: .namespace)
            return NetworkTask.done(["removed": .bool(outcome.wasCleared)])
        }
    }
}
