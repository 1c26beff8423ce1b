import ChildProcess
import CNetlink
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import NIOPosix
import Synchronization

/// Brings the ports of guests on a node to what is wanted: who may send there, and with which addresses.
///
/// Each table of rules is one for all networks, so it remembers what is wanted of each: a pass over one of them leaves
/// the others' rules as they are. It changes nothing before it has been told of all.
package final class PortReconciler: Sendable {
    private struct State {
        var wanted: [VNI: PortsWanted]?
        var tables = PortTables()
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
    /// keeps what it had, and is closed where nothing is known of it.
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

    /// Notes that others have changed one of the tables.
    package func distrustTables() { state.withLock { $0.tables.noteChange() } }

    /// Notes that others may have changed the tables: ``examineTables()`` finds out.
    package func doubtTables() { state.withLock { $0.tables.noteLoss() } }

    /// Compares the tables with what they were, if others may have changed them; otherwise it asks for nothing.
    ///
    /// - Throws: ``NetlinkError`` when they cannot be read: they are in doubt as before.
    package func examineTables() async throws {
        let tables = state.withLock { $0.tables }
        guard tables.isInDoubt else { return }
        let found = try await contents(of: tables.names)
        state.withLock { $0.tables.note(found.mapValues(\.contents), after: tables) }
    }

    private func contents(of names: some Sequence<BridgeTableName>) async throws -> [BridgeTableName: BridgeTable] {
        let (names, namespace) = (Array(names), namespace)
        return try await HostSurvey.uninterrupted {
            try await NIOThreadPool.singleton.runIfActive { () throws -> [BridgeTableName: BridgeTable] in
                var found: [BridgeTableName: BridgeTable] = [:]
                for name in names { found[name] = try BridgeTable(name, sets: name.fixedSets, in: namespace) }
                return found
            }
        }
    }

    /// Reads the frames that the rules have dropped since the tables were first made, by network and reason.
    ///
    /// - Throws: ``NetlinkError`` when they cannot be read.
    package func drops() async throws -> [VNI: [DropReason: TrafficCount]] {
        let counts = try await counts(of: BridgeTableName.allCases)
        var drops: [VNI: [DropReason: TrafficCount]] = [:]
        for (name, count) in counts {
            for reason in DropReason.allCases {
                if let vni = reason.vni(ofCounter: name) { drops[vni, default: [:]][reason] = count }
            }
        }
        return drops
    }

    private func counts(of names: some Sequence<BridgeTableName>) async throws -> [String: TrafficCount] {
        let (names, namespace) = (Array(names), namespace)
        return try await HostSurvey.uninterrupted {
            try await NIOThreadPool.singleton.runIfActive {
                try names.reduce(into: [String: TrafficCount]()) { found, name in
                    found.merge(try BridgeTable.counters(of: name, in: namespace)) { $1 }
                }
            }
        }
    }

    // MARK: Actual

    /// The networks of which the kernel has not what is wanted; rows are compared where the survey has them.
    package func drift(in survey: HostSurvey, isServing: Bool) -> Set<VNI> {
        let (wanted, tables, strangers) = state.withLock { ($0.wanted, $0.tables, $0.strangers) }
        guard let wanted else { return [] }
        let diff = PortDiff(from: survey, to: Array(wanted.values), isServing: isServing)
        // One that is gone, or is another's now, is to be told of as well.
        let changed = Set(diff.changes.map(\.vni))
            .union(wanted.keys.filter { diff.strangers[$0] ?? [] != strangers[$0] ?? [] })
        return changed.union(tables.differences(from: diff.rules, in: survey) ?? Set(wanted.keys))
    }

    /// Changes what differs from what is wanted, and reads back.
    ///
    /// - Parameters:
    ///   - vnis: the networks whose ports it is about; the table is one for all.
    ///   - survey: what the kernel has, with the rows of these networks.
    ///   - isServing: whether the node's gateways are those of the cluster.
    /// - Returns: What was done and what is still wrong.
    /// - Throws: ``NetlinkError`` when the read-back fails; `HostCommandError` when a program could not be run.
    package func pass(_ vnis: Set<VNI>, from survey: HostSurvey, isServing: Bool) async throws -> PortPass {
        try await turns.run { try await self.passAlone(vnis, from: survey, isServing: isServing) }
    }

    private func passAlone(_ vnis: Set<VNI>, from survey: HostSurvey, isServing: Bool) async throws -> PortPass {
        // What was lost since the survey was taken is for the next drift check.
        try await examineTables()
        let (wanted, tables, lastRules) = state.withLock { ($0.wanted, $0.tables, $0.lastRules) }
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
        let due = tables.due(for: diff.rules, in: survey)
        pass.madeTable = !due.isEmpty
        // What is done for a port that is new is no drift, nor is a gateway's veth that follows the role.
        pass.drifted = Set(
            pass.changes.filter { change in
                lastRules[change.vni]?.ports.contains { $0.device == change.device } ?? false
            }.map(\.vni)
        )
        for name in tables.damaged(in: survey) {
            pass.drifted.formUnion(vnis.intersection(name.part(of: lastRules).keys))
        }
        guard pass.madeTable || !pass.changes.isEmpty else { return pass }
        try Task.checkCancellation()
        // A port is let in by the table, last.
        let complaint = try await change(pass.changes)
        let tableComplaint = pass.madeTable ? try await make(due, diff.rules) : nil
        let after = try await HostSurvey.take(in: namespace, names: [], rows: .of(vnis))
        let left = PortDiff(from: after, to: networks, isServing: isServing)
        for (vni, changes) in Dictionary(grouping: left.changes.filter { vnis.contains($0.vni) }, by: \.vni) {
            let steps = changes.prefix(3).map { "'\($0.batchLine)'" }.joined(separator: ", ")
            let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
            pass.trouble[vni] = "\(changes.count) steps did not take, such as \(steps)\(last)"
        }
        if let tableComplaint {
            let last = tableComplaint.split(separator: "\n").first.map { ": \($0)" } ?? ""
            for vni in vnis where wanted[vni] != nil { pass.trouble[vni] = "the tables of ports were not made\(last)" }
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

    /// Makes tables anew, in one transaction.
    ///
    /// - Returns: What `nft` complained of; nil when they were made.
    private func make(_ names: Set<BridgeTableName>, _ rules: [VNI: PortRules]) async throws -> String? {
        let changes = state.withLock { $0.tables.changes }
        let (before, counts) = (try await rulesGeneration(), try await counts(of: names))
        let script = names.sorted { $0.rawValue < $1.rawValue }.map { $0.script(rules, counts) }.joined()
        let output = try await runner.output(HostCommand(.nft, ["-f", "-"], input: script, namespace: namespace))
        guard output.exit.isSuccess else { return output.complaint }
        let found = try await contents(of: names)
        let handles = try await HostSurvey.tables(in: namespace)
        state.withLock { state in
            for name in names {
                let isAlone = found[name]?.generation == before &+ 1
                let made = PortTables.Made(
                    rules: name.part(of: rules),
                    handle: handles[name],
                    contents: isAlone ? found[name]?.contents : nil
                )
                state.tables.note(made, of: name, after: changes)
            }
            state.lastRules = rules
        }
        return nil
    }

    private func rulesGeneration() async throws -> UInt32 {
        let namespace = namespace
        return try await NIOThreadPool.singleton.runIfActive {
            try KernelAsker(namespace, about: CNETLINK_RULES).rulesGeneration()
        }
    }
}
