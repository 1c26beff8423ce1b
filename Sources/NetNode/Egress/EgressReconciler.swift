import ChildProcess
import ClusterOps
import FoundationEssentials
import Logging

/// Brings the networks' ways out on a node to what is wanted, whatever they are now.
///
/// The networks' namespaces go first. It changes in turn with them: no leg is made into a namespace that is being deleted.
package struct EgressReconciler: Sendable {
    /// What came of a pass.
    package struct Pass: Sendable {
        /// What was wanted when it was applied.
        package let wanted: [EgressWanted]
        /// What is wrong with those that did not get there.
        package let failures: [VNI: any Error]
        /// How many networks something was changed of.
        package let changed: Int
    }

    private let namespaces: NamespaceReconciler
    private let bridge: LinkName?
    private let logger: Logger

    private var runner: HostCommandRunner { namespaces.runner }

    /// Creates one; nothing is read before the first pass.
    ///
    /// - Parameters:
    ///   - namespaces: of the node.
    ///   - bridge: the Linux bridge of the node that leads outside; nil is none.
    ///   - logger: told of changes.
    package init(namespaces: NamespaceReconciler, bridge: LinkName?, logger: Logger) {
        self.namespaces = namespaces
        self.bridge = bridge
        self.logger = logger
    }

    /// Which ways out a pass is about, read from one snapshot.
    package struct Scope: Sendable {
        /// The network that is looked at; nil is all, those too that should have no way out any more.
        let only: VNI?
        let wanted: [EgressWanted]

        package init(only: VNI? = nil, wanted: [EgressWanted]) {
            self.only = only
            self.wanted = wanted
        }
    }

    /// Reads wanted and actual, changes what differs, and reads back.
    ///
    /// It looks beside other passes over the namespaces, and takes its turn with them only for what it found to be
    /// different: for a few networks at a time, with wanted and actual read anew.
    ///
    /// - Parameter scope: the ways out that are wanted; nil when the network is gone.
    /// - Returns: What is wrong with each network that did not get there; none of them keeps the others from it.
    /// - Throws: `HostCommandError` when the node's devices cannot be read, and what `scope` throws: then nothing more is
    ///   changed.
    package func pass(_ scope: @Sendable () async throws -> Scope?) async throws -> Pass {
        guard let seen = try await scope() else { return Pass(wanted: [], failures: [:], changed: 0) }
        let links = try await namespaces.links()
        let looks = await namespaces.eachOf(jobs(seen, links)) { try await !changes(for: $0, links).isEmpty }
        // A look that failed may have met a change in the middle.
        let differing = looks.filter { (try? $0.1.get()) ?? true }.map(\.0.vni)
        var outcome = Outcome(wanted: seen.wanted)
        var rest = differing[...]
        while !rest.isEmpty {
            try Task.checkCancellation()
            let some = Set(rest.prefix(NamespaceReconciler.atOnce))
            rest = rest.dropFirst(some.count)
            outcome.note(some, try await namespaces.turns.run { try await bring(some, scope) })
        }
        // What was cancelled has not failed.
        try Task.checkCancellation()
        let pass = outcome.pass
        if pass.changed > 0 {
            logger.info(
                "egress changed",
                metadata: ["networks": "\(pass.changed)", "failed": "\(pass.failures.count)"]
            )
        }
        // Not within the turn: a port may take a second until it forwards, and what is announced before is lost.
        let announced = outcome.announced
        if !announced.isEmpty {
            let links = try await namespaces.forwarding(of: Set(announced.map { ExternalLegName($0).description }))
            await announce(pass.wanted.filter { announced.contains($0.vni) }, links)
        }
        return pass
    }

    /// Brings some networks to what is wanted now; to be called within a turn.
    private func bring(_ some: Set<VNI>, _ scope: @Sendable () async throws -> Scope?) async throws -> Brought {
        guard let now = try await scope() else { return Brought(wanted: [], results: []) }
        let links = try await namespaces.links()
        let jobs = jobs(now, links).filter { some.contains($0.vni) }
        let results = await namespaces.eachOf(jobs) { try await bring($0, links) }
        return Brought(
            wanted: now.wanted.filter { some.contains($0.vni) },
            results: results.map { ($0.0.vni, $0.1) }
        )
    }

    private func jobs(_ scope: Scope, _ links: [String: Link]) -> [Job] {
        let needed = Set(scope.wanted.map(\.vni))
        let unwanted = links.keys.compactMap { ExternalLegName(deviceName: $0)?.vni }
            .filter { !needed.contains($0) && (scope.only == nil || $0 == scope.only) }
        return scope.wanted.map { Job(vni: $0.vni, wanted: $0) } + unwanted.map { Job(vni: $0, wanted: nil) }
    }

    /// What came of one turn: of each network, the steps that were taken.
    private struct Brought: Sendable {
        let wanted: [EgressWanted]
        let results: [(VNI, Result<[EgressChange], any Error>)]
    }

    /// What comes of a pass, turn by turn.
    private struct Outcome {
        private var wanted: [VNI: EgressWanted]
        private var failures: [VNI: any Error] = [:]
        private var changed = 0
        private(set) var announced: Set<VNI> = []

        init(wanted: [EgressWanted]) {
            self.wanted = Dictionary(wanted.map { ($0.vni, $0) }) { first, _ in first }
        }

        /// What was seen of these networks is past: what counts is what was wanted in their turn.
        mutating func note(_ some: Set<VNI>, _ brought: Brought) {
            for vni in some { wanted[vni] = nil }
            for network in brought.wanted { wanted[network.vni] = network }
            for (vni, result) in brought.results {
                switch result {
                case .success(let steps):
                    if !steps.isEmpty { changed += 1 }
                    if steps.contains(.announce) { announced.insert(vni) }
                case .failure(let error): failures[vni] = error
                }
            }
        }

        var pass: Pass {
            Pass(wanted: wanted.values.sorted { $0.vni < $1.vni }, failures: failures, changed: changed)
        }
    }

    /// Tells the segment outside where networks' external addresses are now, of those whose leg is made: who makes one
    /// announces it.
    ///
    /// - Throws: `HostCommandError` when the node's devices cannot be read.
    package func announce(_ wanted: [EgressWanted]) async throws {
        await announce(wanted, try await namespaces.links())
    }

    private func announce(_ wanted: [EgressWanted], _ links: [String: Link]) async {
        let made = wanted.filter { links[ExternalLegName($0.vni).description] != nil }
        let results = await namespaces.eachOf(made) { wanted in
            let name = namespaces.name(wanted.vni)
            guard let line = EgressChange.announce.batchLine(wanted, in: name, to: bridge) else { return }
            let arguments = line.split(separator: " ").map(String.init)
            try await namespaces.succeed(HostCommand(.ip, arguments, namespace: name.path))
        }
        for case (let wanted, .failure(let error)) in results {
            // It is made all the same; who remembers the address elsewhere asks again by himself.
            logger.warning(
                "external addresses were not announced",
                metadata: ["vni": "\(wanted.vni)", "error": "\(error)"]
            )
        }
    }

    // MARK: One network

    private struct Job: Sendable {
        let vni: VNI
        /// Nil when all of it has to go.
        let wanted: EgressWanted?
    }

    /// - Returns: The steps that were taken.
    private func bring(_ job: Job, _ links: [String: Link]) async throws -> [EgressChange] {
        let name = namespaces.name(job.vni)
        let steps = try await changes(for: job, links)
        guard !steps.isEmpty else { return [] }
        try Task.checkCancellation()
        let complaint = try await take(steps, job.wanted, name)
        let remaining = try await changes(for: job, try await namespaces.links())
        guard remaining.isEmpty else { throw EgressError(name: name, remaining: remaining, complaint: complaint) }
        return steps
    }

    private func changes(for job: Job, _ links: [String: Link]) async throws -> [EgressChange] {
        let name = namespaces.name(job.vni)
        guard let wanted = job.wanted else {
            return EgressDiff.removal(of: try await EgressActual.read(name, links: links, run: runner))
        }
        let bridge = try external(links)
        guard name.presence == .present else {
            throw EgressError(name: name, remaining: [], complaint: "there is no such namespace")
        }
        let actual = try await EgressActual.read(name, links: links, run: runner)
        return EgressDiff.changes(from: actual, to: wanted, over: bridge)
    }

    private func external(_ links: [String: Link]) throws(MissingBridge) -> Link {
        guard let bridge else { throw MissingBridge("this node has no network.external_bridge in its configuration") }
        guard let link = links[bridge.description] else {
            throw MissingBridge("there is no bridge '\(bridge)' on this node (network.external_bridge)")
        }
        guard link.kind == "bridge" else {
            throw MissingBridge("'\(bridge)' is no Linux bridge (network.external_bridge)")
        }
        return link
    }

    /// Takes the steps one after the other; those of `ip` that follow each other by one process.
    ///
    /// - Returns: What `ip` complained of; whether it matters, the read-back tells.
    private func take(_ steps: [EgressChange], _ wanted: EgressWanted?, _ name: NamespaceName) async throws -> String {
        var complaints = ""
        var rest = steps.filter { $0 != .announce }[...]
        while let step = rest.first {
            let place = step.place
            guard place != .alone else {
                try await takeAlone(step, wanted, name)
                rest = rest.dropFirst()
                continue
            }
            let together = rest.prefix { $0.place == place }
            rest = rest.dropFirst(together.count)
            let lines = together.compactMap { $0.batchLine(wanted, in: name, to: bridge) }
            complaints += try await namespaces.batch(lines, in: place == .inside ? name.path : namespaces.namespace)
        }
        return complaints
    }

    private func takeAlone(_ step: EgressChange, _ wanted: EgressWanted?, _ name: NamespaceName) async throws {
        func succeed(_ program: HostCommand.Program, _ arguments: [String], input: String? = nil) async throws {
            try await namespaces.succeed(HostCommand(program, arguments, input: input, namespace: name.path))
        }
        switch step {
        case .loadTable(let excluded):
            guard let wanted else { return }
            let commands = try JSONEncoder().encode(EgressTable(wanted, without: excluded).commands)
            try await succeed(.nft, ["-j", "-f", "-"], input: String(decoding: commands, as: UTF8.self))
        case .deleteTable:
            // Also where somebody else has deleted it meanwhile.
            try await succeed(.nft, ["add table ip \(EgressTable.name); delete table ip \(EgressTable.name)"])
        case .startForwarding:
            try await succeed(.sysctl, ["-q", "-w"] + EgressChange.settings.map { "\($0.key)=\($0.value)" })
        case .stopForwarding: try await succeed(.sysctl, ["-q", "-w", "net.ipv4.ip_forward=0"])
        case .forgetConnections(let address): try await forgetConnections(of: address, in: name)
        default: preconditionFailure("a step of a batch")
        }
    }

    /// Those that came in to the address, and those that went out under it.
    private func forgetConnections(of address: IPv4Address, in name: NamespaceName) async throws {
        for filter in ["--orig-dst", "--reply-dst"] {
            let command = HostCommand(.conntrack, ["-D", filter, "\(address)"], namespace: name.path)
            let output = try await runner.output(command)
            // It calls it a failure when there are none.
            guard output.exit.isSuccess || output.complaint.contains("0 flow entries have been deleted") else {
                throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
            }
        }
    }
}

/// A node without what leads outside.
package struct MissingBridge: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A way out that is not as it is wanted, after everything was done for it.
package struct EgressError: Error, Sendable, CustomStringConvertible {
    let name: NamespaceName
    let remaining: [EgressChange]
    let complaint: String

    package var description: String {
        let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
        let steps = remaining.prefix(3).map { "\($0)" }.joined(separator: ", ")
        return "egress of namespace '\(name)' is not as it is wanted (left: \(steps))\(last)"
    }
}
