import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import Synchronization

/// The networks on a node: its share of their mesh, their namespaces and egress, and, when it is elected, their
/// servers.
///
/// A network is changed only by a run of ``ReconcileLoop``, of which there is one at a time for each.
package final class NodeNetworks: Sendable {
    let node: NodeName
    let gate: Gate
    let mesh: MeshReconciler
    let namespaces: NamespaceReconciler
    let egress: EgressReconciler
    let ports: PortReconciler
    let servers: NetworkServers
    let ledger: NetworkLedger
    let database: Database
    /// The connections for reads of the wanted state.
    ///
    /// One that hangs delays all networks of its run, also in a take-over, so it has a shorter timeout. A pass of
    /// maintenance that finds nothing to do needs no other.
    let reads: Database
    let logger: Logger
    /// The state that was wanted of each network at its last run.
    let known = Mutex(KnownNetworks())
    /// The insides of the namespaces, as drift checks have last read them.
    private let memory = Mutex(NamespaceMemory())
    /// The traffic of each network, as the last drift check has counted it.
    let traffic = Mutex(NetworkTraffic())

    /// The name in problems of the parts of a network that are neither mesh nor server.
    static let namespaceProblem = "namespace"
    /// Guests that a network's server leaves out.
    static let guestsProblem = "interfaces"
    /// Guests that have declined their addresses.
    static let declinesProblem = "declines"
    /// An MTU that the underlay does not carry.
    static let mtuProblem = "mtu"
    /// Ports of a network's bridge that are isolated, or not secured.
    static let portsProblem = "ports"
    /// A network that is left out as a whole.
    static let rowProblem = "row"
    /// The problems that only elected nodes find.
    static let problemsOfElected = [AppliedPart.dnsmasq.rawValue, guestsProblem, declinesProblem]
    /// Guests that a problem names; the others are counted.
    private static let guestsNamed = 3
    /// The timeouts for a read of the wanted state, which takes milliseconds.
    private static let readTimeouts: ConnectionConfiguration.Timeouts = {
        var timeouts = ConnectionConfiguration.Timeouts()
        timeouts.connect = .seconds(2)
        timeouts.statement = .milliseconds(2500)
        timeouts.read = .seconds(3)
        timeouts.write = .seconds(3)
        return timeouts
    }()
    /// The time for which a connection for reads is kept idle.
    ///
    /// A pass of maintenance reads several times within one second, each 30 s. Of thousands of idle nodes one in three
    /// would hold a second connection at any time, if it were kept for 10 s.
    private static let readsIdle: Duration = .seconds(2)
    /// Servers that are started at once: more only wait for the two or four processors that there are.
    private static let serversAtOnce = 8
    /// Servers that are probed and reloaded at once: waiting for an answer takes no processor.
    private static let askedAtOnce = 64

    init(
        node: NodeName,
        gate: Gate,
        mesh: MeshReconciler,
        namespaces: NamespaceReconciler,
        egress: EgressReconciler,
        ports: PortReconciler,
        servers: NetworkServers,
        ledger: NetworkLedger,
        database: Database,
        logger: Logger
    ) {
        self.node = node
        self.gate = gate
        self.mesh = mesh
        self.namespaces = namespaces
        self.egress = egress
        self.ports = ports
        self.servers = servers
        self.ledger = ledger
        self.database = database
        reads = database.companion(connections: 2, timeouts: Self.readTimeouts, idleTimeout: Self.readsIdle)
        self.logger = logger.component("reconcile")
    }

    // MARK: Wanted

    /// Reads the wanted state of this node, of all networks or of some VNIs.
    func wanted(of vnis: Set<VNI>? = nil) async throws -> NodeWanted {
        try await NodeWanted.read(on: node, of: vnis, in: reads)
    }

    /// Reads the wanted egress of some networks; a network without NAT has none.
    func wantedEgress(of vnis: Set<VNI>? = nil) async throws -> EgressWanted.Snapshot {
        let (rows, nodes) = try await database.withSession { session in
            (try ExternalStatements.rows(with: vnis, on: session), try NodeStatements.underlayAddresses(on: session))
        }
        let refusals = EgressRefusals(
            nodes: nodes,
            networks: try await HostSurvey.networks(of: nodes, in: namespaces.namespace),
            allowed: egress.allowed
        )
        return EgressWanted.Snapshot(rows, refusals)
    }

    /// Reads the VNIs of all networks, including those whose rows cannot be decoded.
    func vnis() async throws -> Set<VNI> {
        try await database.withSession { try MeshStatements.vnis(on: $0) }
    }

    func vni(of network: NetworkID) async throws -> VNI? {
        try await database.withSession { try MeshStatements.vni(of: network, on: $0) }
    }

    /// Returns whether there is a network of a VNI, or of an id, also one whose row cannot be decoded.
    func exists(_ vni: VNI?, _ network: NetworkID? = nil) async throws -> Bool {
        try await database.withSession { try MeshStatements.exists(vni: vni, network: network, on: $0) }
    }

    // MARK: Actual

    /// Reads the namespaces of some networks, and all devices, from the kernel.
    func survey(of vnis: [VNI], rows: HostSurvey.Rows) async throws -> HostSurvey {
        try await HostSurvey.take(
            in: namespaces.namespace,
            names: vnis.map(namespaces.name),
            rows: rows
        )
    }

    /// The same with the forwarding rows of networks that are to be compared, and of those of which nothing is known:
    /// the nodes to which they lead are admitted.
    func survey(of vnis: [VNI], toCompare compared: Set<VNI>) async throws -> HostSurvey {
        let others = known.withLock { $0.vnis }.subtracting(compared)
        return try await survey(of: vnis, rows: .allBut(others))
    }

    /// The same of all networks, for a drift check; of one whose server cannot be read, the namespace that is left may
    /// have an egress.
    ///
    /// - Parameters:
    ///   - withEntries: whether to read the forwarding rows too.
    ///   - insides: whether to read the insides of all namespaces; otherwise most are those that were last read.
    /// - Returns: The snapshot.
    /// - Throws: ``NetlinkError`` when the kernel cannot be read.
    func surveyOfAll(withEntries: Bool, readingInsides insides: Bool) async throws -> HostSurvey {
        let (wanted, vnis) = known.withLock { ($0.namespaces, $0.vnis) }
        let gate = namespaces.gate.wanted
        let survey = try await HostSurvey.take(
            in: namespaces.namespace,
            names: Array(Set(wanted.map(namespaces.name)).union(egress.lastWanted)),
            rows: withEntries ? .of(vnis) : .none,
            remembered: memory.withLock { $0.take(distrusting: insides, gate: gate) }
        )
        memory.withLock { $0.note(survey) }
        return survey
    }

    /// The VNIs of which this node has something: a bridge, a tunnel, a veth, a namespace or a server's files.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func present() async throws -> Set<VNI> {
        try await mesh.present()
            .union(try namespaces.names().map(\.vni))
            .union(try servers.present())
    }

    /// The VNIs of which this node has parts behind the gate, which only a network node has.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func presentBehindGate() async throws -> Set<VNI> {
        try await namespaces.present().union(try servers.present())
    }

    // MARK: Parts of a run

    /// Takes VXLAN datagrams of the nodes with which this one shares a network, before rows lead to them.
    ///
    /// - Parameter survey: the snapshot of the kernel, with the rows of networks of which nothing is known.
    /// - Throws: `HostCommandError` when the rules are not loaded.
    func admitPeers(_ survey: HostSurvey) async throws {
        let known = known.withLock { $0 }
        try await gate.admit(known.peers(survey.mesh), at: known.localAddresses(survey.mesh))
    }

    /// Reconciles the servers of networks, a few at once: one that hangs does not hold up the others.
    ///
    /// - Parameters:
    ///   - networks: the wanted servers.
    ///   - ended: called with each when it has ended.
    func bring(
        _ networks: [ServerWanted],
        ended: @escaping @Sendable (ServerWanted, Result<ServerPass, any Error>) async -> Void
    ) async {
        let running = await servers.running
        let (told, started) = (networks.filter { running[$0.vni] != nil }, networks.filter { running[$0.vni] == nil })
        @Sendable func bring(_ some: [ServerWanted], atOnce most: Int) async {
            await withDiscardingTaskGroup { group in
                let places = AsyncStream<Void>.makeStream()
                for _ in 0..<most { places.continuation.yield() }
                var place = places.stream.makeAsyncIterator()
                for network in some {
                    // A cancelled task does not wait for a place: nothing takes long then.
                    _ = await place.next()
                    group.addTask {
                        do {
                            await ended(network, .success(try await self.servers.bring(network)))
                        } catch {
                            await ended(network, .failure(error))
                        }
                        places.continuation.yield()
                    }
                }
            }
        }
        // Running servers do not wait for one that starts, or hangs at its start.
        async let toldAll: Void = bring(told, atOnce: Self.askedAtOnce)
        await bring(started, atOnce: Self.serversAtOnce)
        await toldAll
    }

    /// Returns the message of the problem of guests that are left out; nil when none is.
    static func complaint(_ objections: [String]) -> String? {
        guard !objections.isEmpty else { return nil }
        let rest = objections.count - guestsNamed
        let named = objections.prefix(guestsNamed).joined(separator: "; ")
        return "left out: " + named + (rest > 0 ? "; and \(rest) more" : "")
    }

    /// Removes the parts of a VNI from this node, where it is not wanted.
    ///
    /// Removing server and namespace takes a while, so that the wanted state and the bridge's ports are read again
    /// afterwards.
    ///
    /// - Returns: The outcome for the mesh, or nil where that stays; and whether something behind the gate was removed.
    /// - Throws: ``ServerError``, `HostCommandError` and ``NetlinkError`` when something stays; `DatabaseError`.
    func remove(_ vni: VNI, _ removal: ReconcileLoop.Removal) async throws -> (MeshDeletion?, Bool) {
        // Before anything is looked at: a network that is removed later has a hold of its own.
        let held = removal == .all ? try await networkHolding(vni) : nil
        let (deletion, wasCleared) = try await removeParts(vni, removal)
        if let held, let deletion { try await settleHold(of: vni, held, after: deletion) }
        return (deletion, wasCleared)
    }

    private func removeParts(
        _ vni: VNI,
        _ removal: ReconcileLoop.Removal
    ) async throws -> (MeshDeletion?, Bool) {
        if removal == .all {
            let others = try await mesh.foreignDevices(on: vni)
            guard others.isEmpty else {
                _ = try await ports.pass([vni], from: try await survey(of: [], rows: .of([vni])), isServing: false)
                return (.vetoed(by: others), false)
            }
        }
        try await servers.remove(vni)
        egress.forget(vni)
        let wasCleared = try await namespaces.delete(vni)
        guard removal == .all else { return (nil, wasCleared) }
        guard try await !wanted(of: [vni]).vnis.contains(vni) else { return (.stillWanted, wasCleared) }
        let deletion = try await mesh.delete(vni)
        if deletion == .deleted || deletion == .absent {
            ports.forget(vni)
            traffic.withLock { $0.forget(vni) }
        }
        return (deletion, wasCleared)
    }

    // MARK: Gratuitous ARP

    /// Sends a gratuitous ARP for each gateway that there is; the pass that makes one sends its own.
    func sendGratuitousARPForGateways() async throws {
        for vni in try await vnis() {
            do {
                try namespaces.sendGratuitousARP(for: vni)
            } catch {
                // It is repeated soon, and the others do not wait for this one.
                logger.warning(
                    "no gratuitous ARP for a gateway",
                    metadata: ["vni": "\(vni)", "error": "\(error)"]
                )
            }
        }
    }

    /// Sends a gratuitous ARP for each external address of the networks.
    func sendGratuitousARPForEgress() async throws {
        let wanted = try await wantedEgress().networks
        guard !wanted.isEmpty else { return }
        try await egress.sendGratuitousARP(for: wanted)
    }
}

extension NamespaceWanted {
    init(_ network: ServerWanted) {
        self.init(
            vni: network.vni,
            mtu: network.mtu,
            address: network.cidr.serverAddress,
            prefixLength: network.cidr.prefixLength
        )
    }
}

/// An egress whose wanted state cannot be read: it stays as it is.
struct UnreadableEgress: Error, CustomStringConvertible {
    let network: UnreadableNetwork

    var description: String {
        "the wanted state of its egress cannot be read, and what there is of it is left as it is: \(network.reason)"
    }
}
