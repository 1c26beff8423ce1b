/// The kind of work that a task is: it decides who may run it, and which targets it needs.
public enum TaskKind: String, Sendable, Hashable, Codable, CaseIterable {
    /// Cluster-wide work on one network, run by the elected network node.
    case network
    /// Work on one network on one node, run by that node's netnode.
    case nodeNetwork = "node_network"
    /// The operator's own commands, and `noop`, run by queueworkers.
    case command
}

/// The definition of a task, as the cluster knows it.
public struct TaskDefinition: Sendable, Hashable {
    /// The task's name, unique in the cluster.
    public let name: TaskName
    /// The kind of its work: who runs it, on what.
    public let kind: TaskKind
    /// A Boolean value that indicates whether waiting operations of this one task for one target may be done by a
    /// single execution.
    public let isCoalescible: Bool
    /// Attempts until the operation ends in `error`; at least 1.
    public let maximumAttempts: Int
    /// The longest time that one attempt may take.
    public let timeout: Duration

    /// Creates a definition.
    public init(name: TaskName, kind: TaskKind, isCoalescible: Bool, maximumAttempts: Int, timeout: Duration) {
        precondition(maximumAttempts >= 1, "a task is attempted at least once")
        self.name = name
        self.kind = kind
        self.isCoalescible = isCoalescible
        self.maximumAttempts = maximumAttempts
        self.timeout = timeout
    }
}

/// The tasks that come with ClusterOps; the design's table of tasks, section 3.
package enum BuiltInTask: String, Sendable, CaseIterable {
    case networkApplyCreateNetworkNode = "network_apply_create_network_node"
    case networkApplyUpdateDNSMasq = "network_apply_update_dnsmasq"
    case networkApplyRemoveDNSMasq = "network_apply_remove_dnsmasq"
    case networkApplyDeleteNetworkNode = "network_apply_delete_network_node"
    case networkRemoveDHCPLease = "network_remove_dhcp_lease"
    case networkApplyCreateHypervisor = "network_apply_create_hypervisor"
    case networkEnsureMesh = "network_ensure_mesh"
    case networkApplyDeleteHypervisor = "network_apply_delete_hypervisor"
    case noop

    /// The name as operations carry it.
    package var name: TaskName {
        guard let name = try? TaskName(rawValue) else { preconditionFailure("\(rawValue) is a task name") }
        return name
    }

    /// Network tasks take seconds at most; a failed one is tried for about two minutes before it ends in `error`, and
    /// maintenance asks again.
    package var definition: TaskDefinition {
        switch self {
        case .networkApplyCreateNetworkNode, .networkApplyUpdateDNSMasq: make(.network, coalescible: true)
        case .networkApplyRemoveDNSMasq, .networkApplyDeleteNetworkNode, .networkRemoveDHCPLease: make(.network)
        case .networkApplyCreateHypervisor, .networkEnsureMesh: make(.nodeNetwork, coalescible: true)
        case .networkApplyDeleteHypervisor: make(.nodeNetwork)
        case .noop: make(.command)
        }
    }

    private func make(_ kind: TaskKind, coalescible: Bool = false) -> TaskDefinition {
        TaskDefinition(
            name: name,
            kind: kind,
            isCoalescible: coalescible,
            maximumAttempts: 8,
            timeout: .seconds(60)
        )
    }
}
