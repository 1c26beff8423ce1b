import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Brings a node's share of the mesh to what the database wants, whatever it is now.
///
/// One for each node in a process: its passes run one at a time. Passes of another process do no harm, because every
/// step can be done twice; whoever reads back last knows. Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN only to act in another
/// namespace than the process's own.
package struct MeshReconciler: Sendable {
    /// Which networks a pass is about.
    package enum Scope: Sendable, Hashable {
        /// All that concern the node.
        case all
        case network(NetworkID)
    }

    package let node: NodeName
    private let database: Database
    private let namespace: String?
    private let runner: HostCommandRunner
    private let logger: Logger
    private let turns = OneAtATime()
    private let last = LastWanted<MeshWanted.Network>()

    /// Creates one; nothing is read before the first pass.
    package init(
        node: NodeName,
        database: Database,
        namespace: String? = nil,
        runner: HostCommandRunner = .processes,
        logger: Logger
    ) {
        self.node = node
        self.database = database
        self.namespace = namespace
        self.runner = runner
        self.logger = logger
    }

    /// Reads wanted and actual, changes what differs, and reads back.
    ///
    /// - Parameters:
    ///   - scope: which networks it is about.
    ///   - only: those of them that are looked at; nil is all.
    /// - Returns: What was done and what is still wrong; a kernel that refuses a change is no error of the pass.
    /// - Throws: `DatabaseError` or ``NetlinkError`` when a read fails or is not complete: then nothing is changed,
    ///   or, at the read-back, nothing is said of what the changes came to.
    package func pass(_ scope: Scope = .all, only: Set<VNI>? = nil) async throws -> MeshPass {
        try await turns.run {
            let wanted = try await self.wanted(scope)
            last.note(
                Dictionary(wanted.networks.map { ($0.vni, $0) }) { first, _ in first },
                isWhole: scope == .all
            )
            guard let only else { return try await apply(wanted) }
            let networks = wanted.networks.filter { only.contains($0.vni) }
            return try await apply(MeshWanted(networks: networks, unreadable: wanted.unreadable))
        }
    }

    /// Brings some networks to what the last pass wanted of them, without asking the database.
    ///
    /// What was forgotten meanwhile, because it was taken away, is not made again.
    func restore(_ networks: Set<VNI>) async throws -> MeshPass {
        try await turns.run {
            try await apply(MeshWanted(networks: last.all.values.filter { networks.contains($0.vni) }))
        }
    }

    /// The networks of which the kernel has not what the last pass wanted; rows are looked at when the survey has them.
    package func broken(in survey: HostSurvey) -> Set<VNI> {
        let changes = MeshDiff.changes(from: survey.mesh, to: MeshWanted(networks: Array(last.all.values)))
        return Set(changes.filter { survey.entries != nil || !$0.isOfEntries }.map(\.vni))
    }

    /// The VNIs of which this node has a bridge, a tunnel or a leg.
    func present() async throws -> Set<VNI> {
        Set(
            try await links().keys.compactMap { name in
                BridgeName(deviceName: name)?.vni ?? TunnelName(deviceName: name)?.vni
                    ?? LegName(deviceName: name)?.vni ?? ExternalLegName(deviceName: name)?.vni
            }
        )
    }

    /// Deletes the devices of a network from this node, if they are not wanted here.
    ///
    /// - Parameters:
    ///   - vni: whose they are.
    ///   - before: takes away what of ours hangs on them, once it was seen that they are not wanted and nothing else hangs
    ///     there. It takes its time beside other passes; all is asked again afterwards.
    /// - Returns: What came of it.
    /// - Throws: As ``pass(_:)``, and what `before` throws.
    package func delete(
        _ vni: VNI,
        before: @Sendable () async throws -> Void = {}
    ) async throws -> MeshDeletion {
        if let objection = try await objection(to: vni) { return objection }
        try await before()
        return try await turns.run {
            if let objection = try await objection(to: vni) { return objection }
            return try await deleteUnwanted(vni)
        }
    }

    /// What speaks against deleting a network's devices; nil when nothing does.
    private func objection(to vni: VNI) async throws -> MeshDeletion? {
        // By VNI: the network may be gone, and its VNI another's by now.
        if try await wanted(.all).vnis.contains(vni) { return .stillWanted }
        let names = [BridgeName(vni).description, TunnelName(vni).description]
        let ours = names + [LegName(vni).description]
        let others = try await links().values.filter { link in
            !ours.contains(link.name) && [link.master, link.lower].contains { $0.map(names.contains) ?? false }
        }
        // A device that comes after this read loses its bridge: the kernel has no "delete if empty".
        return others.isEmpty ? nil : .vetoed(by: others.map(\.name).sorted())
    }

    /// What is wanted of this node's share of the mesh.
    func wanted(_ scope: Scope = .all) async throws -> MeshWanted {
        let network: NetworkID? = if case .network(let id) = scope { id } else { nil }
        let name = node
        let (node, rows) = try await database.withSession { session in
            guard let node = try SessionStatements.node(name, on: session)?.id else {
                throw ClusterOpsError(.notFound, "there is no node '\(name)'")
            }
            return (node, try MeshStatements.rows(of: node, network: network, on: session))
        }
        return try MeshWanted(rows.rows, unreadable: rows.unreadable, on: node)
    }

    /// What the kernel has of the mesh: of 1,000 rows in 2 ms, where `bridge` and its JSON took 13.
    private func actual() async throws -> MeshActual {
        try await HostSurvey.take(in: namespace, names: [], withEntries: true).mesh
    }

    private func links() async throws -> [String: Link] {
        try await HostSurvey.take(in: namespace, names: [], withEntries: false).links
    }

    private func apply(_ wanted: MeshWanted) async throws -> MeshPass {
        let changes = MeshDiff.changes(from: try await actual(), to: wanted)
        guard !changes.isEmpty else {
            return MeshPass(wanted: wanted, changes: [], remaining: [], batches: 0, complaints: "", complaintsOf: [:])
        }
        let outcome = try await run(changes)
        let remaining = MeshDiff.changes(from: try await actual(), to: wanted)
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

    /// Gives devices to `ip`, settings to `sysctl` and entries to `bridge`, one process for each stage.
    ///
    /// - Returns: What they complained of. Their exit codes are not asked: they are 0 for an `append` that did nothing
    ///   and 1 for a row that was gone already.
    private func run(_ changes: [MeshChange]) async throws -> Outcome {
        var outcome = Outcome()
        let closes = changes.contains { $0.stage == .settings }
        // Where nothing is to be closed, devices are raised by the process that makes and alters them.
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

    /// What came of the batches of one pass.
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

    private func deleteUnwanted(_ vni: VNI) async throws -> MeshDeletion {
        let (bridge, tunnel) = (BridgeName(vni), TunnelName(vni))
        last.forget(vni)
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
}

/// What came of deleting a network's devices from a node.
package enum MeshDeletion: Sendable, Hashable {
    case deleted
    /// They were not there.
    case absent
    /// The database wants them here (again): they were left.
    case stillWanted
    /// Other devices hang on the bridge: all was left as it is.
    case vetoed(by: [String])
    /// The read-back still finds some.
    case failed(left: [String], complaints: String)
}
