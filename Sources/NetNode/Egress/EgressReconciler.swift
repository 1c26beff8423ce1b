import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterStore
import FoundationEssentials
import Logging
import Synchronization

/// Brings the networks' egress on a node to its wanted state, whatever is there now.
///
/// The networks' namespaces are reconciled first.
package struct EgressReconciler: Sendable {
    /// The outcome of a pass.
    package struct Pass: Sendable {
        /// The egress that was wanted of each network when it was applied.
        package let wanted: [EgressWanted]
        /// The networks that were left as they are.
        package let unreadable: [UnreadableNetwork]
        /// The errors of the networks that were not reconciled.
        package let failures: [VNI: any Error]
        /// The number of networks of which something was changed.
        package let changed: Int
    }

    /// The outcome of a pass over one network.
    package struct Ending: Sendable {
        /// A Boolean value that indicates whether it was not as an earlier pass had left it, with nothing new wanted.
        package let hasDrifted: Bool
        /// The error that kept it from being as it is wanted.
        package var failure: (any Error)?
    }

    let namespaces: NamespaceReconciler
    let bridge: LinkName?
    /// The ranges that guests reach by NAT although they are special or the underlay's.
    let allowed: [IPv4CIDR]
    private let logger: Logger
    let memory: EgressRecord

    var runner: HostCommandRunner { namespaces.runner }

    /// Creates a reconciler; nothing is read before the first pass.
    ///
    /// - Parameters:
    ///   - namespaces: the reconciler of the node's namespaces.
    ///   - bridge: the external bridge of the node; nil when there is none.
    ///   - allowed: the ranges that guests reach although they are special or the underlay's.
    ///   - logger: the logger for changes.
    package init(namespaces: NamespaceReconciler, bridge: LinkName?, allowed: [IPv4CIDR] = [], logger: Logger) {
        self.namespaces = namespaces
        self.bridge = bridge
        self.allowed = allowed
        self.logger = logger.component("egress")
        memory = EgressRecord()
    }

    /// The networks whose egress a pass is about, read from one snapshot.
    package struct Scope: Sendable {
        /// The networks that are reconciled; nil is all, those too that should have no egress any more.
        let only: Set<VNI>?
        let wanted: [EgressWanted]
        let unreadable: [UnreadableNetwork]
        /// The networks that are to have an egress, or whose egress is left as it is.
        private let kept: Set<VNI>

        package init(only: Set<VNI>? = nil, _ snapshot: EgressWanted.Snapshot) {
            self.only = only
            wanted = snapshot.networks.filter { only?.contains($0.vni) ?? true }
            unreadable = snapshot.unreadable
            kept = Set(wanted.map(\.vni)).union(unreadable.compactMap(\.vni))
        }

        /// A Boolean value that indicates whether a network is reconciled and should have no egress.
        func isUnwanted(_ vni: VNI) -> Bool {
            (only?.contains(vni) ?? true) && !kept.contains(vni)
        }
    }

    /// Changes what differs from what is wanted, and reads back; four networks at a time.
    ///
    /// - Parameters:
    ///   - scope: the networks whose egress it is about.
    ///   - ended: called with each network when it has ended, and with its outcome.
    /// - Returns: The outcome; the error of one network does not keep the others from being reconciled.
    /// - Throws: ``NetlinkError`` when the node's devices cannot be read: then nothing is changed.
    @discardableResult
    package func pass(
        _ scope: Scope,
        ended: @escaping @Sendable (VNI, Ending) async -> Void = { _, _ in }
    ) async throws -> Pass {
        let names = try namespaces.names().filter { scope.only?.contains($0.vni) ?? true }
        let survey = try await HostSurvey.take(in: namespaces.namespace, names: names, rows: .none)
        let (jobs, links) = (jobs(scope, survey), survey.links)
        for vni in memory.state.withLock({ $0.left.keys }) where scope.isUnwanted(vni) {
            memory.state.withLock { $0.forget(vni) }
        }
        let results = await namespaces.eachOf(jobs) { job in
            let wasReached = job.wanted.map { wanted in memory.state.withLock { $0.wasReached(wanted) } } ?? false
            do {
                let steps = try await bring(job, links)
                await ended(job.vni, Ending(hasDrifted: wasReached && !steps.isEmpty))
                return steps
            } catch {
                // Without a bridge nothing was tried.
                await ended(job.vni, Ending(hasDrifted: wasReached && !(error is MissingBridge), failure: error))
                throw error
            }
        }
        // A cancelled pass has not failed.
        try Task.checkCancellation()
        var (failures, changed): ([VNI: any Error], Int) = ([:], 0)
        for (job, result) in results {
            switch result {
            case .success(let steps): if !steps.isEmpty { changed += 1 }
            case .failure(let error): failures[job.vni] = error
            }
        }
        if changed > 0 {
            logger.info("egress changed", metadata: ["networks": "\(changed)", "failed": "\(failures.count)"])
        }
        do {
            try await sendDueGratuitousARP(Set(scope.wanted.map(\.vni)))
        } catch {
            // The next pass sends it; the networks themselves are as they are wanted.
            logger.warning("no gratuitous ARP for external addresses", metadata: ["error": "\(error)"])
        }
        return Pass(wanted: scope.wanted, unreadable: scope.unreadable, failures: failures, changed: changed)
    }

    /// Returns the jobs that reconcile the networks of a scope.
    private func jobs(_ scope: Scope, _ survey: HostSurvey) -> [Job] {
        let unwanted = Self.present(in: survey).filter(scope.isUnwanted).sorted()
        return scope.wanted.map { Job(vni: $0.vni, wanted: $0) } + unwanted.map { Job(vni: $0, wanted: nil) }
    }

    /// Sends the gratuitous ARP that some networks owe, when their ports forward: before that it would be lost.
    private func sendDueGratuitousARP(_ vnis: Set<VNI>) async throws {
        let due = memory.state.withLock { $0.takeOwedGratuitousARP(of: vnis) }
        guard !due.isEmpty else { return }
        do {
            let veths = Set(due.map { "\(ExternalVethName($0.vni))" })
            await sendGratuitousARP(for: due, try await namespaces.forwarding(of: veths))
        } catch {
            memory.state.withLock { $0.oweGratuitousARP(of: due) }
            throw error
        }
    }

    /// Sends a gratuitous ARP for the external addresses of networks whose veth is there; the pass that makes one sends
    /// its own.
    ///
    /// - Throws: ``NetlinkError`` when the node's devices cannot be read.
    package func sendGratuitousARP(for wanted: [EgressWanted]) async throws {
        await sendGratuitousARP(for: wanted, try await namespaces.links())
    }

    private func sendGratuitousARP(for wanted: [EgressWanted], _ links: [String: Link]) async {
        let made = wanted.filter { links[ExternalVethName($0.vni).description] != nil }
        let results = await namespaces.eachOf(made) { wanted in
            let name = namespaces.name(wanted.vni)
            guard let line = EgressChange.sendGratuitousARP.batchLine(wanted, in: name, to: bridge) else { return }
            let arguments = line.split(separator: " ").map(String.init)
            try await namespaces.succeed(HostCommand(.ip, arguments, namespace: name.path))
        }
        guard results.contains(where: { if case .failure = $0.1 { true } else { false } }), !Task.isCancelled else {
            return
        }
        // One that was removed meanwhile has no address to send it for.
        let left = try? await namespaces.links()
        for case (let wanted, .failure(let error)) in results
        where left?[ExternalVethName(wanted.vni).description] != nil {
            // The egress is there all the same; a neighbour with an older entry asks again by itself.
            logger.warning(
                "no gratuitous ARP for external addresses",
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
        let before = try await outside(for: job)
        let steps: [EgressChange]
        do {
            steps = try await changes(for: job, links, before)
        } catch {
            // Drift checks compare with it all the same.
            if let wanted = job.wanted { memory.state.withLock { $0.note(wanted, rules: nil) } }
            throw error
        }
        guard !steps.isEmpty else {
            if let wanted = job.wanted { memory.state.withLock { $0.note(wanted, rules: before?.rules) } }
            return []
        }
        try Task.checkCancellation()
        if let wanted = job.wanted {
            memory.state.withLock { $0.begin(wanted, owesGratuitousARP: steps.contains(.sendGratuitousARP)) }
        }
        let complaint = try await take(steps, job.wanted, name)
        let after = try await outside(for: job)
        let remaining = try await changes(for: job, try await namespaces.links(), after)
        guard remaining.isEmpty else { throw EgressError(name: name, remaining: remaining, complaint: complaint) }
        if let wanted = job.wanted { memory.state.withLock { $0.note(wanted, rules: after?.rules) } }
        return steps
    }

    /// Reads the end inside, before the rules are read: a later change of them has another number.
    private func outside(for job: Job) async throws -> HostSurvey.Outside? {
        try await HostSurvey.outside(of: namespaces.name(job.vni))
    }

    /// The networks that have some part of an egress: a veth on the node, or its end inside, whatever the name of the
    /// other end.
    private static func present(in survey: HostSurvey) -> Set<VNI> {
        Set(survey.links.keys.compactMap { ExternalVethName(deviceName: $0)?.vni })
            .union(survey.insides.filter { $0.value.outside != nil }.keys)
    }

    private func changes(
        for job: Job,
        _ links: [String: Link],
        _ outside: HostSurvey.Outside?
    ) async throws -> [EgressChange] {
        let (name, veth) = (namespaces.name(job.vni), links[ExternalVethName(job.vni).description])
        guard let wanted = job.wanted else {
            return EgressDiff.removal(of: try await EgressActual.read(name, veth: veth, outside, run: runner))
        }
        let bridge = try external(links)
        guard name.presence == .present else {
            throw EgressError(name: name, remaining: [], complaint: "there is no such namespace")
        }
        let gate = namespaces.gate.wanted
        let left = memory.state.withLock { $0.left[job.vni] }
        // The rules that nobody has changed are not listed again.
        if let left, left.wanted == wanted, !Self.hasDrifted(left, veth, outside, over: bridge, gate) { return [] }
        let actual = try await EgressActual.read(name, veth: veth, outside, run: runner)
        return EgressDiff.changes(from: actual, to: wanted, over: bridge, gate: gate)
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

    // MARK: Drift

    /// The state that the last pass over each network has left.
    private var left: [VNI: EgressMemory.Left] { memory.state.withLock { $0.left } }

    /// The namespaces in which the last passes wanted an egress.
    var lastWanted: [NamespaceName] { left.keys.map(namespaces.name) }

    /// Returns whether the last pass over a network wanted an egress.
    func isKnown(_ vni: VNI) -> Bool { left[vni] != nil }

    /// The networks whose egress is not as the last pass wanted it; of the rules a drift check sees whether anybody has
    /// changed them since.
    ///
    /// Without the external bridge there is none: a pass could do nothing.
    ///
    /// - Parameter survey: the snapshot of the kernel.
    /// - Returns: The networks that need a pass.
    package func drift(in survey: HostSurvey) -> Set<VNI> {
        guard let bridge = bridge.flatMap({ survey.links["\($0)"] }), bridge.kind == "bridge" else { return [] }
        let gate = namespaces.gate.wanted
        let drift = left.values.filter { left in
            let veth = survey.links[ExternalVethName(left.wanted.vni).description]
            return Self.hasDrifted(left, veth, survey.insides[left.wanted.vni]?.outside, over: bridge, gate)
        }
        return Set(drift.map(\.wanted.vni))
    }

    private static func hasDrifted(
        _ left: EgressMemory.Left,
        _ veth: Link?,
        _ outside: HostSurvey.Outside?,
        over bridge: Link,
        _ gate: NamespaceGate
    ) -> Bool {
        guard let outside, let rules = left.rules, outside.rules == rules else { return true }
        let inside = EgressActual.Inside(
            outside.device,
            routes: outside.routes,
            settings: outside.settings,
            table: EgressTable(left.wanted).objects
        )
        let actual = EgressActual(veth: veth, inside: inside)
        return !EgressDiff.changes(from: actual, to: left.wanted, over: bridge, gate: gate).isEmpty
    }

    /// Returns what the last passes wanted of some networks: what was forgotten meanwhile, because it is not wanted any
    /// more, is not made again.
    func lastScope(of networks: Set<VNI>) -> Scope {
        let left = left.filter { networks.contains($0.key) }
        return Scope(only: Set(left.keys), EgressWanted.Snapshot(left.values.map(\.wanted)))
    }

    /// Forgets what was wanted of a network that was taken away.
    func forget(_ vni: VNI) { memory.state.withLock { $0.forget(vni) } }
}

/// The place where an ``EgressMemory`` is kept between passes.
final class EgressRecord: Sendable {
    let state = Mutex(EgressMemory())
}

/// A node without its external bridge.
package struct MissingBridge: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// An egress that differs from its wanted state after all steps were taken.
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
