import ClusterModel

/// The runs of a node's reconcile loop that must not go on beside each other; pure.
///
/// Devices are changed by one run at a time. Nothing is done for the egress of a network while that is taken away: it
/// would be remembered as wanted, and made again.
struct RunConstraints: Sendable {
    /// A Boolean value that indicates whether a run changes devices.
    private var isInKernel = false
    /// The networks of which something is to be taken away by their next run.
    private var asked: [VNI: ReconcileLoop.Removal] = [:]
    /// The networks of which a run takes something away.
    private var removing: Set<VNI> = []

    /// Asks the next run of a network to take something away.
    mutating func ask(_ removal: ReconcileLoop.Removal, of vni: VNI) {
        asked[vni] = max(asked[vni] ?? removal, removal)
    }

    /// Decides whether a run of a key can begin now.
    ///
    /// - Parameters:
    ///   - key: one that is not being processed.
    ///   - isProcessing: says which keys are.
    /// - Returns: Whether it can.
    func canBegin(_ key: ReconcileLoop.Key, _ isProcessing: (ReconcileLoop.Key) -> Bool) -> Bool {
        switch key {
        case .node: true
        case .network(let vni): !isInKernel && (asked[vni] == nil || !isProcessing(.egress(vni)))
        // A removal that is asked for comes first: whoever asks for egress again and again cannot hold it up.
        case .egress(let vni): asked[vni] == nil && !removing.contains(vni)
        }
    }

    /// Begins runs.
    ///
    /// - Returns: The removals that they are asked for; what is asked for from now on is for the runs after these.
    mutating func begin(_ keys: some Sequence<ReconcileLoop.Key>) -> [VNI: ReconcileLoop.Removal] {
        var removals: [VNI: ReconcileLoop.Removal] = [:]
        for case .network(let vni) in keys {
            isInKernel = true
            guard let removal = asked.removeValue(forKey: vni) else { continue }
            removals[vni] = removal
            removing.insert(vni)
        }
        return removals
    }

    /// Ends a run's part in which no other one may change devices.
    mutating func leaveKernel() { isInKernel = false }

    /// Ends the run of a key.
    mutating func end(_ key: ReconcileLoop.Key) {
        if case .network(let vni) = key { removing.remove(vni) }
    }
}
