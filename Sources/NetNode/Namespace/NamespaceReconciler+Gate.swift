import ClusterEngine
import ClusterModel
import NIOPosix
import Synchronization

/// The gates inside this node's namespaces: what is wanted of all of them.
final class NamespaceGateRecord: Sendable {
    fileprivate let turns = OneAtATime()
    fileprivate let state = Mutex(NamespaceGate())

    /// The value that every namespace is compared with.
    var wanted: NamespaceGate { state.withLock { $0 } }
}

extension NamespaceReconciler {
    /// Opens the namespaces' own gates under a tenure, until ``closeGates()``; a tenure that is over opens nothing.
    ///
    /// The gate on the node stands before them, and closes by itself.
    ///
    /// - Throws: ``NetlinkError`` when one stays closed; the others are open.
    package func openGates(under tenure: Tenure) async throws {
        try await gate.turns.run {
            guard !tenure.isOver else { return }
            gate.state.withLock { $0.isOpen = true }
            try await switchGates()
        }
    }

    /// Closes the namespaces' own gates.
    ///
    /// - Throws: ``NetlinkError`` when one stays open; the others are closed.
    package func closeGates() async throws {
        try await gate.turns.run {
            gate.state.withLock { $0.isOpen = false }
            try await switchGates()
        }
    }

    /// The networks whose namespace has not the gate's rules, or is not open or closed as it is wanted.
    func gateDrift(in survey: HostSurvey) -> Set<VNI> {
        let gate = gate.wanted
        return Set(
            survey.insides.filter { _, inside in
                guard case .present(_, let gateway?) = inside.interior else { return false }
                return !gateway.isGateRight(gate)
            }.keys
        )
    }

    /// By netlink and without a process: 200 programs would take seconds, in which nobody serves.
    private func switchGates() async throws {
        let (names, isOpen) = (try names(), gate.wanted.isOpen)
        try await NIOThreadPool.singleton.runIfActive {
            var failure: NetlinkError?
            for name in names {
                do throws(NetlinkError) {
                    try KernelAsker.setGroup(NamespaceGate.group(isOpen: isOpen), of: NamespaceGate.devices, in: name)
                } catch {
                    // One that is being made or removed: a new device is closed, and its maker opens it.
                    if error.number != ENOENT, error.number != EINVAL { failure = failure ?? error }
                }
            }
            if let failure { throw failure }
        }
    }

    /// Makes the rules of a namespace's gate, and keeps the kernel's account of them if nobody else changed rules
    /// meanwhile.
    func loadGate(_ name: NamespaceName) async throws {
        let before = try await rules(in: name)
        // After a start of netnode the rules of the first namespace are made anew, and those of the others compared.
        guard before.gate != gate.wanted.rules else { return }
        try await succeed(HostCommand(.nft, [NamespaceGate.script], namespace: name.path))
        guard gate.wanted.rules == nil else { return }
        let after = try await rules(in: name)
        guard after.generation == before.generation &+ 1 else { return }
        gate.state.withLock { $0.rules = $0.rules ?? after.gate }
    }

    private func rules(in name: NamespaceName) async throws -> NamespaceRules {
        try await HostSurvey.uninterrupted {
            try await NIOThreadPool.singleton.runIfActive { try KernelAsker.rules(in: name) }
        }
    }
}

extension NamespaceInterior.Gateway {
    /// Returns whether the rules are there, and the device is open or closed as it is wanted; what was not read is not
    /// wrong.
    func isGateRight(_ gate: NamespaceGate) -> Bool { hasGateRules(gate) && gate.isRight(group) }

    func hasGateRules(_ gate: NamespaceGate) -> Bool { gateRules.map { $0 == gate.rules } ?? true }
}
