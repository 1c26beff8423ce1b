import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging

/// Brings a node's share of the mesh to its wanted state, whatever it is now.
///
/// Passes of another process at the same time do no harm, because every step is idempotent and read back. Needs
/// CAP_NET_ADMIN, and CAP_SYS_ADMIN only to act in another namespace than the process's own.
package struct MeshReconciler: Sendable {
    private let namespace: String?
    private let runner: HostCommandRunner
    private let logger: Logger

    /// Creates a reconciler; nothing is read before the first pass.
    package init(namespace: String? = nil, runner: HostCommandRunner = .processes, logger: Logger) {
        self.namespace = namespace
        self.runner = runner
        self.logger = logger.component("mesh")
    }

    /// Changes what differs from what is wanted, and reads back.
    ///
    /// - Parameters:
    ///   - wanted: the networks to reconcile.
    ///   - survey: the snapshot of the kernel, with the forwarding entries of these networks.
    /// - Returns: The changes, and those that are still needed; a change that the kernel refuses is no error of the
    ///   pass.
    /// - Throws: ``NetlinkError`` when the read-back fails or is not complete: then the result is unknown.
    package func pass(_ wanted: MeshWanted, from survey: HostSurvey) async throws -> MeshPass {
        let changes = MeshDiff.changes(from: survey.mesh, to: wanted)
        guard !changes.isEmpty else {
            return MeshPass(wanted: wanted, changes: [], remaining: [], batches: 0, complaints: "", complaintsOf: [:])
        }
        let outcome = try await run(changes)
        let vnis = Set(wanted.networks.map(\.vni))
        let after = try await HostSurvey.take(in: namespace, names: [], rows: .of(vnis))
        let remaining = MeshDiff.changes(from: after.mesh, to: wanted)
        let pass = MeshPass(
            wanted: wanted,
            changes: changes,
            remaining: remaining,
            batches: outcome.batches,
            complaints: outcome.complaints,
            complaintsOf: outcome.complaintsOf
        )
        logger.info(
            "mesh changed",
            metadata: [
                "devices": "\(pass.deviceChanges)", "entries": "\(pass.entryChanges)",
                "remaining": "\(remaining.count)",
            ]
        )
        return pass
    }

    /// The VNIs of which this node has a bridge, a tunnel or a veth.
    func present() async throws -> Set<VNI> {
        Set(
            try await links().keys.compactMap { name in
                BridgeName(deviceName: name)?.vni ?? TunnelName(deviceName: name)?.vni
                    ?? GatewayVethName(deviceName: name)?.vni ?? ExternalVethName(deviceName: name)?.vni
            }
        )
    }

    /// The devices that keep a network's bridge and tunnel from being deleted: ports and upper devices that are not
    /// ours.
    func foreignDevices(on vni: VNI) async throws -> [String] {
        let names = [BridgeName(vni).description, TunnelName(vni).description]
        let ours = names + [GatewayVethName(vni).description]
        return try await links().values.filter { link in
            !ours.contains(link.name) && [link.master, link.lower].contains { $0.map(names.contains) ?? false }
        }.map(\.name).sorted()
    }

    /// Deletes the devices of a network from this node, unless they have foreign ports or upper devices.
    ///
    /// - Returns: The outcome.
    /// - Throws: ``NetlinkError`` when the node's devices cannot be read.
    package func delete(_ vni: VNI) async throws -> MeshDeletion {
        // A device that comes after this read loses its bridge: the kernel has no "delete if empty".
        let others = try await foreignDevices(on: vni)
        guard others.isEmpty else { return .vetoed(by: others) }
        let (bridge, tunnel) = (BridgeName(vni), TunnelName(vni))
        let present = try await links()
        var changes: [MeshChange] = []
        if present[bridge.description] != nil { changes.append(.deleteBridge(bridge)) }
        // Last: as long as it is there, the deletion is not done.
        if present[tunnel.description] != nil { changes.append(.deleteTunnel(tunnel)) }
        guard !changes.isEmpty else { return .absent }
        let complaints = try await run(changes).complaints
        let after = try await links()
        let left = [bridge.description, tunnel.description].filter { after[$0] != nil }
        guard left.isEmpty else { return .failed(left: left, complaints: complaints) }
        logger.info("mesh of a network deleted", metadata: ["vni": "\(vni)"])
        return .deleted
    }

    private func links() async throws -> [String: Link] {
        try await HostSurvey.take(in: namespace, names: [], rows: .none).links
    }

    /// Gives devices to `ip`, settings to `sysctl` and entries to `bridge`, one process for each stage.
    ///
    /// - Returns: Their messages. Their exit codes say nothing: they are 0 for an `append` that did nothing, and 1 for
    ///   a row that was gone already.
    private func run(_ changes: [MeshChange]) async throws -> Outcome {
        var outcome = Outcome()
        let closes = changes.contains { $0.stage == .settings }
        // Where no device is to be closed, devices are set up by the process that makes and alters them.
        let stages: [Set<MeshChange.Stage>] =
            closes ? [[.devices], [.settings], [.raising], [.entries]] : [[.devices, .raising], [.entries]]
        for stage in stages {
            let changes = changes.filter { stage.contains($0.stage) }
            guard !changes.isEmpty else { continue }
            outcome.note(try await runner.output(command(changes, stage)).complaint, of: changes)
        }
        return outcome
    }

    private func command(_ changes: [MeshChange], _ stage: Set<MeshChange.Stage>) -> HostCommand {
        let lines = changes.map(\.batchLine)
        if stage == [.settings] { return StackSettings.command(lines, in: namespace) }
        // Without -force a batch ends at its first failure.
        return HostCommand(
            stage == [.entries] ? .bridge : .ip,
            ["-force", "-batch", "-"],
            input: lines.map { $0 + "\n" }.joined(),
            namespace: namespace
        )
    }

    /// The outcome of the batches of one pass.
    private struct Outcome {
        var batches = 0
        var complaints = ""
        var complaintsOf: [VNI: String] = [:]

        mutating func note(_ complaint: String, of changes: [MeshChange]) {
            batches += 1
            complaints += complaint
            for (line, text) in BatchComplaints.byLine(complaint).sorted(by: { $0.key < $1.key })
            where changes.indices.contains(line - 1) && complaintsOf[changes[line - 1].vni] == nil {
                complaintsOf[changes[line - 1].vni] = text
            }
        }
    }
}

/// The outcome of deleting a network's devices from a node.
package enum MeshDeletion: Sendable, Hashable {
    case deleted
    /// They were not there.
    case absent
    /// The database wants them here (again): they were left.
    case stillWanted
    /// Foreign ports or upper devices: everything was left as it is.
    case vetoed(by: [String])
    /// The read-back still finds some.
    case failed(left: [String], complaints: String)
}
