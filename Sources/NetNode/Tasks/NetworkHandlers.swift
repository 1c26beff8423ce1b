import ClusterEngine
import ClusterModel
import MariaDB

/// `network_apply_create_network_node`, `network_apply_update_dnsmasq` and `network_remove_dhcp_lease`: brings a
/// network up on the elected node, as it is wanted when the handler starts.
///
/// One work under three names, because the work is to find out what differs: a lease of a host that is not wanted any
/// more differs too, and is not there afterwards.
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
            // Claimed in the last moment of a tenure: whoever is elected next does it.
            guard coordinator.tenure != nil else { return .interrupted }
            let vni = try await loop.networks.vni(of: network)
            let outcome = if let vni { try await loop.reconcile(.network(vni), .operation) } else { Reconciled() }
            guard let vni, outcome.network == network else { return NetworkTask.done(["wanted": .bool(false)]) }
            if let reason = outcome.unreadable { return NetworkTask.unreadable(reason) }
            if let failure = outcome.namespaceFailure ?? outcome.serverFailure { throw failure }
            guard let server = outcome.server else { return .interrupted }
            // Last: guests have their addresses, whatever is wrong with what leads outside.
            if let failure = try await loop.reconcile(.egress(vni), .operation).egressFailure { throw failure }
            return NetworkTask.done(["wanted": .bool(true), "server": .string("\(server)")])
        }
    }
}

/// `network_apply_remove_dnsmasq` and `network_apply_delete_network_node`: takes away what the elected node made for a
/// network that is gone.
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
            // By VNI too: it may be another network's by now.
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
