import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import FoundationEssentials
import Glibc
import Logging

/// Brings the namespaces of networks on a node to their wanted state, whatever they are now.
///
/// The networks' bridges are made by the mesh, which goes first. There is one reconciler for each node in a process.
package struct NamespaceReconciler: Sendable {
    /// Namespaces that are changed at once: each costs a few processes, and the node has other work.
    static let atOnce = 4
    /// The longest time that a new veth's port may take until it forwards: the kernel tells the bridge of a carrier
    /// after a second.
    private static let forwardingWithin: Duration = .seconds(3)
    private static let forwardingPoll: Duration = .milliseconds(10)

    private let prefix: String
    let namespace: String?
    let runner: HostCommandRunner
    private let logger: Logger
    let gate = NamespaceGateRecord()

    /// Creates a reconciler; nothing is read before the first pass.
    ///
    /// - Parameters:
    ///   - prefix: the prefix of the names of this node's namespaces.
    ///   - namespace: the node's own network namespace; nil is the process's.
    ///   - runner: runs the programs.
    ///   - logger: the logger for changes.
    package init(
        prefix: String,
        namespace: String? = nil,
        runner: HostCommandRunner = .processes,
        logger: Logger
    ) {
        self.prefix = prefix
        self.namespace = namespace
        self.runner = runner
        self.logger = logger.component("namespace")
    }

    /// The name of a network's namespace on this node.
    package func name(_ vni: VNI) -> NamespaceName { NamespaceName(prefix: prefix, vni) }

    /// The names of this node that are there, whatever is behind them.
    ///
    /// - Throws: When the directory of names cannot be read.
    package func names() throws -> [NamespaceName] {
        // Before the first namespace there is no directory either.
        guard access(NamespaceName.directory, F_OK) == 0 || errno != ENOENT else { return [] }
        let prefix = prefix
        return try FileManager.default.contentsOfDirectory(atPath: NamespaceName.directory)
            .compactMap { NamespaceName($0, prefix: prefix) }
    }

    /// Finds the steps that bring one network's namespace to its wanted state.
    func changes(from survey: HostSurvey, to wanted: NamespaceWanted) -> [NamespaceChange] {
        NamespaceDiff.changes(from: survey.namespace(wanted.vni), to: wanted, gate: gate.wanted)
    }

    /// Changes what differs from what is wanted, and reads back.
    ///
    /// - Parameters:
    ///   - wanted: the namespaces to reconcile.
    ///   - survey: the snapshot of the kernel, with the inside of these namespaces.
    /// - Returns: The errors of the networks that were not reconciled; none of them keeps the others from it.
    /// - Throws: ``NetlinkError`` when the node's devices cannot be read back.
    package func pass(_ wanted: [NamespaceWanted], from survey: HostSurvey) async throws -> [VNI: any Error] {
        let changes = wanted.map { (wanted: $0, steps: self.changes(from: survey, to: $0)) }
            .filter { !$0.steps.isEmpty }
        try Task.checkCancellation()
        return changes.isEmpty ? [:] : try await carryOut(changes)
    }

    /// Deletes a network's veths and namespace from this node, if they are there.
    ///
    /// Processes inside have to be ended before: a namespace lives on, without its name, as long as one runs there.
    ///
    /// - Returns: Whether there was something to delete.
    /// - Throws: `HostCommandError` when it is still there afterwards.
    @discardableResult
    package func delete(_ vni: VNI) async throws -> Bool {
        let (veth, name) = (GatewayVethName(vni), name(vni))
        var found = false
        let links = try await links()
        for veth in [veth.description, ExternalVethName(vni).description] where links[veth] != nil {
            found = true
            try await succeed(HostCommand(.ip, ["link", "del", "dev", veth], namespace: namespace))
        }
        if name.presence != .absent {
            found = true
            try await succeed(HostCommand(.ip, ["netns", "del", "\(name)"], namespace: namespace))
        }
        if found { logger.info("namespace deleted", metadata: ["namespace": "\(name)"]) }
        return found
    }

    /// Sends a gratuitous ARP for a network's gateway.
    ///
    /// Without it, bridges forward frames for the gateway to its former port until their entries expire: five minutes.
    ///
    /// - Returns: Whether there is a gateway; for one that is yet to be made it is sent by the pass that makes it.
    /// - Throws: `NamespaceSocket.Failure` when there is one, and it could not be sent.
    @discardableResult
    func sendGratuitousARP(for vni: VNI) throws(NamespaceSocket.Failure) -> Bool {
        do {
            try MACAddress.gateway(of: vni).give(to: NamespaceChange.gateway, in: name(vni).path)
            return true
        } catch {
            guard error.isOfAbsence else { throw error }
            return false
        }
    }

    // MARK: Steps

    /// The node's devices by name, with the settings that `ip` does not show.
    ///
    /// - Throws: ``NetlinkError`` when the kernel cannot be read.
    func links() async throws -> [String: Link] {
        try await HostSurvey.take(in: namespace, names: [], rows: .none).links
    }

    private func changes(to wanted: NamespaceWanted, links: [String: Link]) async throws -> [NamespaceChange] {
        let actual = try await NamespaceActual.read(name(wanted.vni), links: links)
        return NamespaceDiff.changes(from: actual, to: wanted, gate: gate.wanted)
    }

    private func carryOut(
        _ changes: [(wanted: NamespaceWanted, steps: [NamespaceChange])]
    ) async throws -> [VNI: any Error] {
        let steps = Dictionary(changes.map { ($0.wanted.vni, $0.steps) }) { first, _ in first }
        let wanted = changes.map(\.wanted)
        var complaints: [VNI: String] = [:]
        for (wanted, result) in await eachOf(wanted, { try await takeAlone(steps[$0.vni] ?? [], $0) }) {
            if case .failure(let error) = result { complaints[wanted.vni] = "\(error)" }
        }
        try Task.checkCancellation()
        // The steps that need a step that failed are left for the next pass: no veth, for one, leads into a namespace
        // whose setting for gratuitous ARP could not be written.
        let changes = changes.filter { complaints[$0.wanted.vni] == nil }
        complaints.merge(try await takeOnNode(changes)) { first, _ in first }
        let inside = changes.map(\.wanted)
        for (wanted, result) in await eachOf(inside, { try await takeInside(steps[$0.vni] ?? [], $0) }) {
            if case .failure(let error) = result { complaints[wanted.vni] = complaints[wanted.vni] ?? "\(error)" }
        }
        let after = try await forwarding(
            of: Set(changes.filter { $0.steps.contains(.addVeth) }.map { GatewayVethName($0.wanted.vni).description })
        )
        var failures: [VNI: any Error] = [:]
        for (wanted, result) in await eachOf(wanted, { try await self.changes(to: $0, links: after) }) {
            switch result {
            case .failure(let error): failures[wanted.vni] = error
            case .success(let remaining) where !remaining.isEmpty:
                failures[wanted.vni] = NamespaceError(
                    name: name(wanted.vni),
                    remaining: remaining,
                    complaint: complaints[wanted.vni] ?? ""
                )
            case .success where steps[wanted.vni]?.contains(.addVeth) == true:
                // Now that its port forwards: the one that the kernel sent as it came up may have been lost. A closed
                // gate drops it.
                do { try sendGratuitousARP(for: wanted.vni) } catch { failures[wanted.vni] = error }
            case .success: break
            }
        }
        logger.info("namespaces changed", metadata: ["networks": "\(changes.count)", "failed": "\(failures.count)"])
        return failures
    }

    private func takeAlone(_ steps: [NamespaceChange], _ wanted: NamespaceWanted) async throws {
        let name = name(wanted.vni)
        for step in steps {
            if step == .loadGate { try await loadGate(name) }
            guard let (program, arguments, isInside) = step.command(name) else { continue }
            try await succeed(HostCommand(program, arguments, namespace: isInside ? name.path : namespace))
        }
    }

    /// Takes the steps on the node of several networks together, place by place.
    ///
    /// - Returns: The first message about each network's steps.
    private func takeOnNode(
        _ changes: [(wanted: NamespaceWanted, steps: [NamespaceChange])]
    ) async throws -> [VNI: String] {
        func lines(_ places: Set<NamespaceChange.Place>) -> [(vni: VNI, text: String)] {
            changes.flatMap { change in
                change.steps.filter { places.contains($0.place) }
                    .map { (change.wanted.vni, $0.batchLine(change.wanted, in: name(change.wanted.vni))) }
            }
        }
        let settings = lines([.settings]).map(\.text)
        // Where no veth is to be closed, veths are set up by the process that makes and alters them.
        let batches = settings.isEmpty ? [lines([.node, .raising])] : [lines([.node]), lines([.raising])]
        var complaints: [VNI: String] = [:]
        for (index, lines) in batches.enumerated() {
            if index > 0 { _ = try await runner.output(StackSettings.command(settings, in: namespace)) }
            let said = BatchComplaints.byLine(try await batch(lines.map(\.text), in: namespace))
            for (line, text) in said.sorted(by: { $0.key < $1.key }) where lines.indices.contains(line - 1) {
                let vni = lines[line - 1].vni
                complaints[vni] = complaints[vni] ?? text
            }
        }
        return complaints
    }

    private func takeInside(_ steps: [NamespaceChange], _ wanted: NamespaceWanted) async throws {
        let name = name(wanted.vni)
        let lines = steps.filter { $0.place == .inside }.map { $0.batchLine(wanted, in: name) }
        let complaint = try await batch(lines, in: name.path)
        guard complaint.isEmpty else { throw NamespaceError(name: name, remaining: [], complaint: complaint) }
    }

    /// - Returns: The messages of `ip`; the read-back decides whether they matter.
    func batch(_ lines: [String], in namespace: String?) async throws -> String {
        guard !lines.isEmpty else { return "" }
        let input = lines.map { $0 + "\n" }.joined()
        // Without -force a batch ends at its first failure.
        let command = HostCommand(.ip, ["-force", "-batch", "-"], input: input, namespace: namespace)
        return try await runner.output(command).complaint
    }

    func succeed(_ command: HostCommand) async throws {
        let output = try await runner.output(command)
        guard output.exit.isSuccess else {
            throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
        }
    }

    /// Reads the node's devices once new veths forward, or once that has taken too long: the read-back then finds it.
    func forwarding(of veths: Set<String>) async throws -> [String: Link] {
        let deadline = ContinuousClock.now + Self.forwardingWithin
        while true {
            let links = try await links()
            // One without a bridge, or down, never will: the others do not wait for it.
            let isDone = veths.allSatisfy { name in
                guard let veth = links[name], veth.isUp, let bridge = veth.master.flatMap({ links[$0] }), bridge.isUp
                else { return true }
                return veth.isForwarding
            }
            if isDone || .now >= deadline { return links }
            // Polled, because the monitor's events lead to drift checks and wake no run; the deadline above bounds it.
            try await Task.sleep(for: Self.forwardingPoll)
        }
    }

    /// Does work for each item, a few at once.
    func eachOf<Item: Sendable, Result: Sendable>(
        _ items: [Item],
        _ work: @escaping @Sendable (Item) async throws -> Result
    ) async -> [(Item, Swift.Result<Result, any Error>)] {
        await withTaskGroup(of: (Item, Swift.Result<Result, any Error>).self) { group in
            var results: [(Item, Swift.Result<Result, any Error>)] = []
            for (index, item) in items.enumerated() {
                if index >= Self.atOnce, let result = await group.next() { results.append(result) }
                group.addTask {
                    do { return (item, .success(try await work(item))) } catch { return (item, .failure(error)) }
                }
            }
            for await result in group { results.append(result) }
            return results
        }
    }
}

/// A namespace that differs from its wanted state after all steps were taken.
package struct NamespaceError: Error, Sendable, CustomStringConvertible {
    let name: NamespaceName
    let remaining: [NamespaceChange]
    let complaint: String

    package var description: String {
        let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
        let steps = remaining.prefix(3).map { "\($0)" }.joined(separator: ", ")
        return "namespace '\(name)' is not as it is wanted (left: \(steps))\(last)"
    }
}
