import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore

/// The outcome of a run over one network.
struct Reconciled: Sendable {
    /// Nil when nothing of the VNI is wanted on this node.
    var network: NetworkID?
    var isNetworkNode = false
    /// The reason why its parts are left as they are; where only its server's wanted state cannot be read, the reason
    /// for that.
    var unreadable: String?
    /// A Boolean value that indicates whether its share of the mesh is left as it is, too.
    var isMeshUnreadable = false
    var devicesChanged = 0
    var entriesChanged = 0
    /// A description of what is wrong with its share of the mesh.
    var meshTrouble: String?
    var namespaceFailure: (any Error)?
    /// A description of what keeps its ports on this node from being secured.
    var portTrouble: String?
    /// The action that was taken on its server; nil where none may run, or it was not reconciled.
    var server: ServerPass?
    var serverFailure: (any Error)?
    var egressFailure: (any Error)?
    /// The outcome of its removal, if that was asked for; nil where only the parts behind the gate were to be removed.
    var removal: MeshDeletion?
    /// A Boolean value that indicates whether something behind the gate was removed.
    var wasCleared = false
}

/// One network in a run: the parts that remain to be done, and the findings; pure.
struct NetworkRun: Sendable {
    /// A part of the run; parts go on beside each other.
    enum Part: Sendable, Hashable {
        case kernel, server, removal
        /// A second pass over a server that was reloaded before its devices were compared.
        case restart
    }

    let vni: VNI
    let priority: ReconcileLoop.Queue.Priority
    /// The tenure under which the run is made and recorded; nil where this node does not serve.
    let tenure: Tenure?
    /// The generation that was wanted at the run before; nil when there was none.
    let previous: UInt64?
    var pending: Set<Part>
    var outcome = Reconciled()
    /// The findings to record.
    var findings: [NetworkLedger.Finding] { deviceFindings + serverFindings }
    private(set) var deviceFindings: [NetworkLedger.Finding] = []
    private(set) var serverFindings: [NetworkLedger.Finding] = []
    /// The error that kept it from being compared; nil when there was none.
    var error: (any Error)?
    /// A Boolean value that indicates whether the network has to be reconciled again.
    var isBroken: Bool { isDeviceBroken || isServerBroken }
    var isDeviceBroken = false
    private(set) var isServerBroken = false
    /// A Boolean value that indicates whether something was not as the last run left it, with nothing new wanted.
    var hasDrifted = false

    /// Notes the outcome of mesh, ports and namespace.
    mutating func note(
        _ network: MeshWanted.Network?,
        _ changes: [MeshChange],
        _ ports: PortPass,
        namespaceFailure: (any Error)?
    ) {
        outcome.portTrouble = ports.trouble[vni]
        outcome.devicesChanged = changes.count { !$0.isOfEntries }
        outcome.entriesChanged = changes.count { $0.isOfEntries }
        outcome.namespaceFailure = namespaceFailure
        hasDrifted = hasDrifted || ports.drifted.contains(vni)
        isDeviceBroken = isDeviceBroken || outcome.meshTrouble != nil || namespaceFailure != nil
        isDeviceBroken = isDeviceBroken || outcome.portTrouble != nil
        guard let network else { return }
        deviceFindings.append(.problem(NodeNetworks.portsProblem, of: network.id, ports.objections[vni]))
        // A network whose guests are not kept apart is not applied.
        if let trouble = outcome.meshTrouble ?? outcome.portTrouble {
            deviceFindings.append(.problem(AppliedPart.mesh.rawValue, of: network.id, trouble))
        } else {
            deviceFindings.append(.reached(.mesh, of: network.id, generation: network.generation))
        }
        if outcome.isNetworkNode {
            deviceFindings.append(
                .problem(NodeNetworks.namespaceProblem, of: network.id, namespaceFailure.map { "\($0)" })
            )
        }
    }

    /// Notes the outcome of the server; a later note replaces an earlier one.
    mutating func note(_ result: Result<ServerPass, any Error>, of wanted: ServerWanted) {
        serverFindings = []
        (outcome.server, outcome.serverFailure, isServerBroken) = (nil, nil, false)
        if tenure != nil {
            let complaint = NodeNetworks.complaint(wanted.objections)
            serverFindings.append(.problem(NodeNetworks.guestsProblem, of: wanted.id, complaint))
        }
        switch result {
        case .success(let pass):
            outcome.server = pass
            // Who starts to serve, or serves what is new, has not found anything broken.
            if priority.isRepair, pass != .nothing, wanted.generation == previous { hasDrifted = true }
            guard tenure != nil else { return }
            serverFindings.append(.reachedUnderTerm(.dnsmasq, of: wanted.id, generation: wanted.generation))
        case .failure(let error):
            outcome.serverFailure = error
            if error is ServerError {
                serverFindings.append(.problem(AppliedPart.dnsmasq.rawValue, of: wanted.id, "\(error)"))
            }
            // Where none may run any more, none is missing.
            isServerBroken = !(error is ServersClosed || error is TenureOver || error is CancellationError)
        }
    }

    /// A Boolean value that indicates whether its server was neither reconciled nor found missing.
    var isServerLeft: Bool { outcome.server == nil && outcome.serverFailure == nil && outcome.removal == nil }

    /// The answer to the waiters for the run.
    var result: Result<Reconciled, any Error> { error.map { .failure($0) } ?? .success(outcome) }
}
