import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import Synchronization

/// Brings the ports of guests on a node to what is wanted: who may send there, and with which addresses.
///
/// The table of rules is one for all networks, so it remembers what is wanted of each: a pass over one of them leaves
/// the others' rules as they are. It changes nothing before it has been told of all.
package final class PortReconciler: Sendable {
    /// The table as it was made, by its contents and by the kernel's number for it.
    private struct Table: Sendable {
        let rules: [VNI: PortRules]
        let handle: UInt64?
    }

    private struct State {
        var wanted: [VNI: PortsWanted]?
        /// The table as it was made last; nil when others may have changed it since.
        var table: Table?
        /// The rules that were made last, whoever has changed them since.
        var lastRules: [VNI: PortRules] = [:]
        /// The strangers that passes have found, and told of.
        var strangers: [VNI: [PortMatching.Stranger]] = [:]
    }

    private let namespace: String?
    private let runner: HostCommandRunner
    private let logger: Logger
    private let turns = OneAtATime()
    private let state = Mutex(State())

    /// Creates one; nothing is read before the first pass.
    ///
    /// - Parameters:
    ///   - namespace: the node's own network namespace; nil is the process's.
    ///   - runner: runs the programs.
    ///   - logger: told of changes.
    package init(namespace: String? = nil, runner: HostCommandRunner = .processes, logger: Logger) {
        self.namespace = namespace
        self.runner = runner
        self.logger = logger
    }

    // MARK: Wanted

    /// A Boolean value that indicates whether it has been told what is wanted of all networks of the node.
    package var knowsAll: Bool { state.withLock { $0.wanted != nil } }

    /// Notes what is wanted on the node; the first time has to be of all networks.
    ///
    /// Of a network that is not wanted any more every port is closed until it is forgotten; one that cannot be read
    /// keeps what it had.
    ///
    /// - Parameters:
    ///   - networks: as they are wanted.
    ///   - unreadable: those of which it cannot be read what is wanted.
    ///   - vnis: of which that is all; nil is all that there are.
    func note(_ networks: [PortsWanted], unreadable: [UnreadableNetwork], of vnis: Set<VNI>?) {
        let wantedNow = Set(networks.map(\.vni)).union(unreadable.compactMap(\.vni))
        state.withLock { state in
            guard vnis == nil || state.wanted != nil else { return }
            var wanted = state.wanted ?? [:]
            for vni in vnis ?? Set(wanted.keys) where !wantedNow.contains(vni) { wanted[vni] = wanted[vni]?.closed }
            for network in unreadable {
                guard let vni = network.vni, wanted[vni] == nil else { continue }
                wanted[vni] = PortsWanted(unreadable: network.id, vni: vni)
            }
            for network in networks { wanted[network.vni] = network }
            state.wanted = wanted
        }
    }

    /// Forgets a network whose bridge was taken away.
    func forget(_ vni: VNI) { state.withLock { $0.wanted?[vni] = nil } }

    /// Notes that others may have changed the table.
    package func distrustTable() { state.withLock { $0.table = nil } }

    // MARK: Actual

    /// The networks of which the kernel has not what is wanted; rows are compared when the survey has them.
    package func drift(in survey: HostSurvey, isServing: Bool) -> Set<VNI> {
        let (wanted, table, strangers) = state.withLock { ($0.wanted, $0.table, $0.strangers) }
        guard let wanted else { return [] }
        let diff = PortDiff(from: survey, to: Array(wanted.values), isServing: isServing)
        // One that is gone, or is another's now, is to be told of as well.
        let changed = Set(diff.changes.map(\.vni))
            .union(wanted.keys.filter { diff.strangers[$0] ?? [] != strangers[$0] ?? [] })
        guard let table, table.handle != nil, table.handle == survey.portTable else {
            return changed.union(wanted.keys)
        }
        let vnis = Set(diff.rules.keys).union(table.rules.keys)
        return changed.union(vnis.filter { diff.rules[$0] != table.rules[$0] })
    }

    /// Changes what differs from what is wanted, and reads back.
    ///
    /// - Parameters:
    ///   - vnis: the networks whose ports it is about; the table is one for all.
    ///   - survey: what the kernel has, with its rows.
    ///   - isServing: whether the node's gateways are those of the cluster.
    /// - Returns: What was done and what is still wrong.
    /// - Throws: ``NetlinkError`` when the read-back fails; `HostCommandError` when a program could not be run.
    package func pass(_ vnis: Set<VNI>, from survey: HostSurvey, isServing: Bool) async throws -> PortPass {
        try await turns.run { try await self.passAlone(vnis, from: survey, isServing: isServing) }
    }

    private func passAlone(_ vnis: Set<VNI>, from survey: HostSurvey, isServing: Bool) async throws -> PortPass {
        let (wanted, table, lastRules) = state.withLock { ($0.wanted, $0.table, $0.lastRules) }
        guard let wanted else { return PortPass() }
        let networks = Array(wanted.values)
        let diff = PortDiff(from: survey, to: networks, isServing: isServing)
        var pass = PortPass(changes: diff.changes.filter { vnis.contains($0.vni) })
        for network in networks where vnis.contains(network.vni) {
            pass.objections[network.vni] =
                PortPass.objection(to: diff.strangers[network.vni] ?? [], network.objections)
        }
        state.withLock { state in
            for vni in vnis { state.strangers[vni] = diff.strangers[vni] }
        }
        let isTableWhole = table?.handle != nil && table?.handle == survey.portTable
        pass.madeTable = !isTableWhole || table?.rules != diff.rules
        // What is done for a port that is new is no drift, nor is a gateway's veth that follows the role.
        pass.drifted = Set(
            pass.changes.filter { change in
                lastRules[change.vni]?.ports.contains { $0.device == change.device } ?? false
            }.map(\.vni)
        )
        if !isTableWhole { pass.drifted.formUnion(vnis.filter { lastRules[$0] != nil }) }
        guard pass.madeTable || !pass.changes.isEmpty else { return pass }
        try Task.checkCancellation()
        // A port is let in by the table, last.
        let complaint = try await change(pass.changes)
        let tableComplaint = pass.madeTable ? try await make(diff.rules) : nil
        let after = try await HostSurvey.take(in: namespace, names: [], withEntries: true)
        if pass.madeTable, tableComplaint == nil {
            let made = Table(rules: diff.rules, handle: after.portTable)
            state.withLock { ($0.table, $0.lastRules) = (made, diff.rules) }
        }
        let left = PortDiff(from: after, to: networks, isServing: isServing)
        for (vni, changes) in Dictionary(grouping: left.changes.filter { vnis.contains($0.vni) }, by: \.vni) {
            let steps = changes.prefix(3).map { "'\($0.batchLine)'" }.joined(separator: ", ")
            let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
            pass.trouble[vni] = "\(changes.count) steps did not take, such as \(steps)\(last)"
        }
        if let tableComplaint {
            let last = tableComplaint.split(separator: "\n").first.map { ": \($0)" } ?? ""
            for vni in vnis where wanted[vni] != nil { pass.trouble[vni] = "the table of ports was not made\(last)" }
        }
        logger.info(
            "ports changed",
            metadata: [
                "changes": "\(pass.changes.count)", "table": "\(pass.madeTable)", "failed": "\(pass.trouble.count)",
            ]
        )
        return pass
    }

    // MARK: Steps

    /// Lets the gateways of all networks be reached from the bridges, or not any more.
    ///
    /// It waits for no pass: guests wait for it. What a pass that is under way has decided otherwise, the next drift
    /// check finds.
    ///
    /// - Throws: `HostCommandError` when the program could not be run.
    package func setGateways(isServing: Bool) async throws {
        let vnis = state.withLock { $0.wanted.map { Array($0.keys) } ?? [] }
        let changes = try vnis.sorted().map { vni in
            PortChange(
                vni: vni,
                device: try LinkName("\(GatewayVethName(vni))"),
                step: .set(isServing ? .standard : .closedGateway)
            )
        }
        _ = try await change(changes)
    }

    /// - Returns: What `bridge` complained of; whether it matters, the read-back tells.
    private func change(_ changes: [PortChange]) async throws -> String {
        guard !changes.isEmpty else { return "" }
        let lines = changes.map { $0.batchLine + "\n" }.joined()
        // Without -force a batch ends at its first failure.
        let command = HostCommand(.bridge, ["-force", "-batch", "-"], input: lines, namespace: namespace)
        return try await runner.output(command).complaint
    }

    /// - Returns: What `nft` complained of; nil when the table was made.
    private func make(_ rules: [VNI: PortRules]) async throws -> String? {
        let script = PortTable.script(rules.values)
        let output = try await runner.output(HostCommand(.nft, ["-f", "-"], input: script, namespace: namespace))
        return output.exit.isSuccess ? nil : output.complaint
    }
}
