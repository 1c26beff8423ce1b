import ChildProcess
import ClusterModel
import ClusterStore
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
        /// What was left as it is.
        package let unreadable: [UnreadableNetwork]
        /// What is wrong with those that did not get there.
        package let failures: [VNI: any Error]
        /// How many networks something was changed of.
        package let changed: Int
    }

    let namespaces: NamespaceReconciler
    let bridge: LinkName?
    private let logger: Logger
    let notes = EgressNotes()

    var runner: HostCommandRunner { namespaces.runner }

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
        /// The networks that are looked at; nil is all, those too that should have no way out any more.
        let only: Set<VNI>?
        let wanted: [EgressWanted]
        let unreadable: [UnreadableNetwork]

        package init(only: Set<VNI>? = nil, _ snapshot: EgressWanted.Snapshot) {
            self.only = only
            wanted = snapshot.networks.filter { only?.contains($0.vni) ?? true }
            unreadable = snapshot.unreadable
        }
    }

    /// Reads wanted and actual, changes what differs, and reads back.
    ///
    /// It looks beside other passes over the namespaces, and takes its turn with them only for what it found to be
    /// different: for a few networks at a time, with wanted and actual read anew.
    ///
    /// - Parameter scope: the ways out that are wanted; nil when the network is gone.
    /// - Returns: What is wrong with each network that did not get there; none of them keeps the others from it.
    /// - Throws: `HostCommandError` or ``NetlinkError`` when the node's devices cannot be read, and what `scope` throws:
    ///   then nothing more is changed.
    package func pass(_ scope: @Sendable () async throws -> Scope?) async throws -> Pass {
        let before = notes.now
        guard let seen = try await scope() else {
            return Pass(wanted: [], unreadable: [], failures: [:], changed: 0)
        }
        let links = try await namespaces.links()
        var outcome = PassOutcome(seen)
        var jobs = try await jobs(seen, among: seen.only, links)
        do throws(MissingBridge) {
            _ = try external(links)
        } catch {
            // No turn could make one; what is not wanted goes all the same.
            outcome.failWanted(error)
            jobs.removeAll { $0.wanted != nil }
        }
        let looks = await namespaces.eachOf(jobs) { try await look($0, links) }
        for (job, look) in looks { outcome.saw(job.vni, try? look.get()) }
        notes.learn(outcome.asWanted, of: seen, since: before)
        var rest = outcome.differing[...]
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
        try await announceDue(Set(pass.wanted.map(\.vni)))
        return pass
    }

    /// Brings some networks to what is wanted now; to be called within a turn.
    private func bring(_ some: Set<VNI>, _ scope: @Sendable () async throws -> Scope?) async throws -> TurnOutcome {
        guard let now = try await scope() else { return TurnOutcome(wanted: [], unreadable: [], results: []) }
        let links = try await namespaces.links()
        let jobs = try await jobs(now, among: some, links)
        let wanted = jobs.compactMap(\.wanted)
        var rules: [VNI: UInt32] = [:]
        notes.takeInHand(some, wanted)
        defer { notes.letGo(some, rules) }
        let results = await namespaces.eachOf(jobs) { try await bring($0, links) }
        for case (let job, .success(let brought)) in results { rules[job.vni] = brought.rules }
        return TurnOutcome(
            wanted: wanted,
            unreadable: now.unreadable,
            results: results.map { ($0.0.vni, $0.1) }
        )
    }

    /// What there is to look at, or to bring about, of some networks; nil is all.
    private func jobs(_ scope: Scope, among only: Set<VNI>?, _ links: [String: Link]) async throws -> [Job] {
        let unwanted = try await present(only, links).subtracting(scope.wanted.map(\.vni))
            .subtracting(scope.unreadable.compactMap(\.vni)).sorted()
        let wanted = scope.wanted.filter { only?.contains($0.vni) ?? true }
        return wanted.map { Job(vni: $0.vni, wanted: $0) } + unwanted.map { Job(vni: $0, wanted: nil) }
    }

    /// Announces those of some networks of which it is due; not within a turn: a port may take a second until it forwards,
    /// and what is announced before is lost.
    private func announceDue(_ vnis: Set<VNI>) async throws {
        let due = notes.takeUnannounced(of: vnis)
        guard !due.isEmpty else { return }
        let links: [String: Link]
        do {
            links = try await namespaces.forwarding(of: Set(due.map { ExternalLegName($0.vni).description }))
        } catch {
            notes.oweAnnouncement(of: due.map(\.vni))
            throw error
        }
        await announce(due, links)
    }

    /// Tells the segment outside where networks' external addresses are now, of those whose leg is made: who makes one
    /// announces it.
    ///
    /// - Throws: ``NetlinkError`` when the node's devices cannot be read.
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
        guard results.contains(where: { if case .failure = $0.1 { true } else { false } }), !Task.isCancelled else {
            return
        }
        // One that was taken away meanwhile has nothing to announce.
        let left = try? await namespaces.links()
        for case (let wanted, .failure(let error)) in results
        where left?[ExternalLegName(wanted.vni).description] != nil {
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

    /// What a look has found to be as it is wanted or not.
    struct Seen: Sendable {
        let isDifferent: Bool
        /// Nil where there is none.
        let rules: UInt32?
    }

    private func look(_ job: Job, _ links: [String: Link]) async throws -> Seen {
        let outside = try await outside(for: job)
        return Seen(isDifferent: try await !changes(for: job, links, outside).isEmpty, rules: rules(outside, of: job))
    }

    /// What came of a job that has reached its end.
    struct Brought: Sendable {
        /// The steps that were taken.
        let steps: [EgressChange]
        let rules: UInt32?
    }

    private func bring(_ job: Job, _ links: [String: Link]) async throws -> Brought {
        let name = namespaces.name(job.vni)
        let before = try await outside(for: job)
        let steps = try await changes(for: job, links, before)
        guard !steps.isEmpty else { return Brought(steps: [], rules: rules(before, of: job)) }
        try Task.checkCancellation()
        if steps.contains(.announce) { notes.oweAnnouncement(of: [job.vni]) }
        let complaint = try await take(steps, job.wanted, name)
        let after = try await outside(for: job)
        let remaining = try await changes(for: job, try await namespaces.links(), after)
        guard remaining.isEmpty else { throw EgressError(name: name, remaining: remaining, complaint: complaint) }
        return Brought(steps: steps, rules: rules(after, of: job))
    }

    private func outside(for job: Job) async throws -> HostSurvey.Outside? {
        try await HostSurvey.outside(of: namespaces.name(job.vni))
    }

    /// The number from before the rules are read: what is changed afterwards has another one.
    private func rules(_ outside: HostSurvey.Outside?, of job: Job) -> UInt32? {
        job.wanted == nil ? nil : outside?.rules
    }

    /// The networks that have something of a way out: a leg on the node, or an end of one inside, by whatever name its
    /// other end goes.
    private func present(_ only: Set<VNI>?, _ links: [String: Link]) async throws -> Set<VNI> {
        let legs = links.keys.compactMap { ExternalLegName(deviceName: $0)?.vni }
        let names = try namespaces.names().filter { only?.contains($0.vni) ?? true }
        let survey = try await HostSurvey.take(in: namespaces.namespace, names: names, withEntries: false)
        return Set(legs.filter { only?.contains($0) ?? true }).union(survey.outsides.keys)
    }

    private func changes(
        for job: Job,
        _ links: [String: Link],
        _ outside: HostSurvey.Outside?
    ) async throws -> [EgressChange] {
        let (name, leg) = (namespaces.name(job.vni), links[ExternalLegName(job.vni).description])
        guard let wanted = job.wanted else {
            return EgressDiff.removal(of: try await EgressActual.read(name, leg: leg, outside, run: runner))
        }
        let bridge = try external(links)
        guard name.presence == .present else {
            throw EgressError(name: name, remaining: [], complaint: "there is no such namespace")
        }
        let actual = try await EgressActual.read(name, leg: leg, outside, run: runner)
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
