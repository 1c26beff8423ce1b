import ClusterEngine
import ClusterModel
import MariaDB

/// `network_apply_create_network_node`, `network_apply_update_dnsmasq` and `network_remove_dhcp_lease`: brings a network up
/// on the elected node, as it is wanted when the handler starts.
///
/// One work under three names, because the work is to find out what differs: a lease of a host that is not wanted any
/// more differs too, and is not there afterwards.
package struct ServeNetworkHandler: TaskHandler {
    package static let tasks: [BuiltInTask] = [
        .networkApplyCreateNetworkNode, .networkApplyUpdateDNSMasq, .networkRemoveDHCPLease,
    ]

    package let definition: TaskDefinition
    private let networks: NodeNetworks
    private let coordinator: NetworkCoordinator

    init(_ task: BuiltInTask, networks: NodeNetworks, coordinator: NetworkCoordinator) {
        precondition(Self.tasks.contains(task), "a task that brings a network up")
        definition = task.definition
        self.networks = networks
        self.coordinator = coordinator
    }

    package func run(_ attempt: Attempt) async -> TaskOutcome {
        await NetworkTask.outcome(of: attempt, on: nil) { network in
            // Claimed in the last moment of a tenure: whoever is elected next does it.
            guard let tenure = coordinator.tenure else { return .interrupted }
            let pass = try await networks.serve(network, under: tenure)
            guard let pass else {
                guard try await !networks.exists(nil, network) else {
                    return NetworkTask.unreadable("see the problems of the network")
                }
                return NetworkTask.done(["wanted": .bool(false)])
            }
            return NetworkTask.done(["wanted": .bool(true), "server": .string("\(pass)")])
        }
    }
}

/// `network_apply_remove_dnsmasq` and `network_apply_delete_network_node`: takes away what the elected node made for a
/// network that is gone.
package struct RemoveNetworkHandler: TaskHandler {
    package static let tasks: [BuiltInTask] = [.networkApplyRemoveDNSMasq, .networkApplyDeleteNetworkNode]

    package let definition: TaskDefinition
    private let networks: NodeNetworks
    private let coordinator: NetworkCoordinator

    init(_ task: BuiltInTask, networks: NodeNetworks, coordinator: NetworkCoordinator) {
        precondition(Self.tasks.contains(task), "a task that takes a network away")
        definition = task.definition
        self.networks = networks
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
            guard try await !networks.exists(given, network) else {
                return NetworkTask.done(["removed": .bool(false), "reason": .string("wanted")])
            }
            guard let given else {
                let message = "the network is gone, and no parameter 'vni' says which names and files were its"
                return .failed(OperationFailure(code: "unknown_vni", message: message))
            }
            let removed = try await networks.clear(given)
            return NetworkTask.done(["removed": .bool(removed)])
        }
    }
}
