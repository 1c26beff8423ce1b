import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Everything that a node makes for the networks: its share of their mesh, their namespaces, and, when it is elected, their
/// servers.
///
/// Wanted state is read within the turn in which it is applied, so that nothing is made again that was just removed.
package struct NodeNetworks: Sendable {
    let node: NodeName
    let mesh: MeshReconciler
    let namespaces: NamespaceReconciler
    let egress: EgressReconciler
    let servers: NetworkServers
    let ledger: NetworkLedger
    let database: Database
    let logger: Logger
    private let turns = Turns()

    /// What of a network is neither mesh nor server, as problems name it.
    private static let namespaceProblem = "namespace"
    /// Guests that a network's server leaves out.
    private static let guestsProblem = "interfaces"
    /// What elected nodes alone find out.
    private static let problemsOfElected = [AppliedPart.dnsmasq.rawValue, guestsProblem]
    /// Guests that a problem names; the others are counted.
    private static let guestsNamed = 3
    /// Servers that are brought up at once: more only wait for the two or four processors that there are.
    private static let serversAtOnce = 8

    init(
        mesh: MeshReconciler,
        namespaces: NamespaceReconciler,
        egress: EgressReconciler,
        servers: NetworkServers,
        ledger: NetworkLedger,
        database: Database,
        logger: Logger
    ) {
        node = mesh.node
        self.mesh = mesh
        self.namespaces = namespaces
        self.egress = egress
        self.servers = servers
        self.ledger = ledger
        self.database = database
        self.logger = logger
    }

    // MARK: Wanted

    /// What is wanted of the servers of all networks, or of one that is still there.
    func wanted(_ network: NetworkID? = nil) async throws -> [ServerWanted] {
        try await Self.wanted(network, in: database)
    }

    static func wanted(_ network: NetworkID?, in database: Database) async throws -> [ServerWanted] {
        ServerWanted.all(in: try await database.withSession { try ServerStatements.rows(of: network, on: $0) }.rows)
    }

    func isNetworkNode() async throws -> Bool {
        let node = node
        return try await database.withSession { try NodeStatements.isNetworkNode(node, on: $0) }
    }

    // MARK: What every node does

    /// Reads back and repairs this node: the mesh of all networks, and the namespaces where it may be elected.
    ///
    /// - Parameter tenure: under which this node serves; nil when it does not.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    func repair(under tenure: Tenure?) async throws {
        try await ledger.refresh()
        let known = ledger.knownProblems
        let pass = try await mesh.pass()
        try await writeDown(pass)
        try await makeNamespaces()
        // An elected node does it with its servers, and writes down that it did.
        if tenure == nil { try await makeEgress() }
        let wanted = Set(pass.wanted.networks.map(\.id))
        let unreadable = try await reportUnreadable(besides: pass.wanted.unreadable)
        try await ledger.closeProblems(among: known) { what, network in
            if what == Self.rowProblem || unreadable.contains(network) { return unreadable.contains(network) }
            return wanted.contains(network) && (!Self.problemsOfElected.contains(what) || tenure != nil)
        }
    }

    /// Writes down what a pass has brought about, and what is wrong with the rest.
    func writeDown(_ pass: MeshPass) async throws {
        for network in pass.converged {
            try await ledger.reached(.mesh, of: network.id, generation: network.generation)
        }
        let reached = Set(pass.converged.map(\.id))
        for network in pass.wanted.networks where !reached.contains(network.id) {
            try await ledger.problem(AppliedPart.mesh.rawValue, of: network.id, pass.trouble(of: network.vni))
        }
    }

    /// Makes the namespace of a network ready, or of all, if this node may be elected.
    ///
    /// - Parameters:
    ///   - network: which one; nil is all.
    ///   - only: those of them that are looked at; nil is all.
    /// - Returns: What is wrong with those that are not ready.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    @discardableResult
    func makeNamespaces(
        of network: NetworkID? = nil,
        only: Set<VNI>? = nil
    ) async throws -> [NetworkID: any Error] {
        guard try await isNetworkNode() else {
            _ = try await namespaces.pass(isWhole: true) { [] }
            return [:]
        }
        let seen = try await wanted(network).filter { only?.contains($0.vni) ?? true }
        let failures = try await namespaces.pass(isWhole: network == nil, only: only) {
            try await wanted(network).map(NamespaceWanted.init)
        }
        var failed: [NetworkID: any Error] = [:]
        for network in seen {
            let failure = failures[network.vni]
            failed[network.id] = failure
            try await ledger.problem(Self.namespaceProblem, of: network.id, failure.map { "\($0)" })
        }
        return failed
    }

    /// Takes everything of a VNI from this node but its bridge and tunnel, unless it is needed here (again).
    ///
    /// - Returns: Whether there was something to take away.
    func clear(_ vni: VNI) async throws -> Bool {
        try await turns.run(vni) {
            guard try await !needsNamespace(vni) else { return false }
            try await servers.remove(vni)
            egress.forget(vni)
            return try await namespaces.delete(vni) { try await needsNamespace(vni) }
        }
    }

    /// The VNIs of which this node has something: a bridge, a tunnel, a leg, a namespace or a server's files.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func present() async throws -> Set<VNI> {
        try await mesh.present()
            .union(try namespaces.names().map(\.vni))
            .union(try servers.present())
    }

    /// The VNIs that are wanted on this node.
    func wantedHere() async throws -> Set<VNI> {
        let meshed = try await mesh.wanted().vnis
        guard try await isNetworkNode() else { return meshed }
        return meshed.union(try await database.withSession { try MeshStatements.vnis(on: $0) })
    }

    /// The VNIs of which this node has what only a network node has, though it is none any more.
    ///
    /// Of those whose mesh it keeps; the others are strays altogether.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func leftByRole() async throws -> Set<VNI> {
        guard try await !isNetworkNode() else { return [] }
        let present = try await namespaces.present().union(try servers.present())
        return present.intersection(try await mesh.wanted().networks.map(\.vni))
    }

    /// Removes what this node has of a VNI that nobody wants here.
    ///
    /// - Returns: What came of it; a foreign device on the bridge keeps all of it.
    func removeStray(_ vni: VNI) async throws -> MeshDeletion {
        try await mesh.delete(vni) { _ = try await clear(vni) }
    }

    private func needsNamespace(_ vni: VNI) async throws -> Bool {
        guard try await isNetworkNode() else { return false }
        return try await exists(vni)
    }

    // MARK: What the elected node does

    /// Brings one network up on the elected node: mesh, namespace, server, egress.
    ///
    /// A server that runs is told first: nearly always a guest is all that is new, and it may be waiting.
    ///
    /// - Returns: What it took, or nil when there is no such network any more.
    func serve(_ network: NetworkID, under tenure: Tenure) async throws -> ServerPass? {
        let early = await bringRunningServer(of: network, under: tenure)
        let pass = try await mesh.pass(.network(network))
        for wanted in pass.wanted.networks where !pass.hasConverged {
            try await ledger.problem(AppliedPart.mesh.rawValue, of: network, pass.trouble(of: wanted.vni))
        }
        if let failure = try await makeNamespaces(of: network)[network] { throw failure }
        let late = try await bringServer(of: network, under: tenure)
        // Last: guests have their addresses, whatever is wrong with what leads outside.
        if let failure = try await makeEgress(of: network, under: tenure)[network] { throw failure }
        return late == .nothing ? early ?? late : late
    }

    /// - Returns: What was done; nil when none runs, or it could not be brought to what is wanted before all that it stands
    ///   on has been looked at.
    private func bringRunningServer(of network: NetworkID, under tenure: Tenure) async -> ServerPass? {
        do {
            guard let vni = try await vni(of: network), await servers.isRunning(vni) else { return nil }
            return try await bringServer(of: network, under: tenure)
        } catch {
            // Whatever it is, it comes up again when its turn is.
            return nil
        }
    }

    func vni(of network: NetworkID) async throws -> VNI? {
        try await database.withSession { try MeshStatements.vni(of: network, on: $0) }
    }

    /// Brings all networks up on the elected node; one that is broken does not hold up the others.
    ///
    /// What is wrong with a network by itself is written down, and is for maintenance to try again.
    ///
    /// - Parameter tenure: under which it is done, and written down; nil for servers that nobody hears yet.
    /// - Throws: What kept it from finding out which networks there are, or the first of what kept it from bringing some
    ///   up that may go better the next time.
    func serveAll(under tenure: Tenure?) async throws {
        _ = try await mesh.pass()
        try await bringServers(under: tenure, except: Set(try await makeNamespaces().keys))
        // Candidates have it ready by their own passes.
        if let tenure { try await makeEgress(under: tenure) }
    }

    /// Brings the servers of all networks to what is wanted now, in namespaces that are there.
    ///
    /// - Parameters:
    ///   - tenure: as in ``serveAll(under:)``.
    ///   - failed: networks whose namespaces are not ready.
    /// - Throws: As ``serveAll(under:)``.
    func bringServers(under tenure: Tenure?, except failed: Set<NetworkID> = []) async throws {
        let networks = try await wanted().filter { !failed.contains($0.id) }
        if let problem = await bring(networks, under: tenure) { throw problem }
    }

    /// Brings the servers of networks that were just read to what is wanted of each when its turn is.
    ///
    /// - Parameters:
    ///   - networks: which.
    ///   - tenure: as in ``serveAll(under:)``.
    ///   - ended: told of each when it has ended, with what kept it from being brought up.
    /// - Returns: The first of what kept some from being brought up.
    @discardableResult
    func bring(
        _ networks: [ServerWanted],
        under tenure: Tenure?,
        ended: @escaping @Sendable (VNI, (any Error)?) async -> Void = { _, _ in }
    ) async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            var problem: (any Error)?
            for (index, network) in networks.enumerated() {
                if index >= Self.serversAtOnce, let error = await group.next() ?? nil { problem = problem ?? error }
                group.addTask {
                    let error = await failure(of: network, under: tenure)
                    await ended(network.vni, error)
                    return error
                }
            }
            for await error in group { problem = problem ?? error }
            return problem
        }
    }

    /// - Returns: What kept a network from being brought up, when that is not written down as its own problem.
    private func failure(of network: ServerWanted, under tenure: Tenure?) async -> (any Error)? {
        // Whoever is elected next does it.
        guard tenure?.isOver != true, !Task.isCancelled else { return nil }
        do {
            _ = try await bringServer(of: network.id, as: network.vni, under: tenure)
            return nil
        } catch is ServerError {
            return nil
        } catch let error as ServersClosed {
            // Not brought up: whoever waits for it must not take it for that.
            return tenure?.isOver == true ? nil : error
        } catch {
            return error
        }
    }

    /// Brings the server of a network to what is wanted of it now.
    ///
    /// - Parameters:
    ///   - network: which.
    ///   - tenure: under which it is written down that it is so; nil writes nothing down but problems.
    /// - Returns: What it took, or nil when there is no such network any more.
    /// - Throws: ``TenureOver``, ``ServersClosed``, ``ServerError``, which is written down, and `DatabaseError`.
    func bringServer(of network: NetworkID, under tenure: Tenure?) async throws -> ServerPass? {
        guard let vni = try await vni(of: network) else { return nil }
        return try await bringServer(of: network, as: vni, under: tenure)
    }

    /// As ``bringServer(of:under:)``, for who knows the VNI.
    private func bringServer(of network: NetworkID, as vni: VNI, under tenure: Tenure?) async throws -> ServerPass? {
        try await turns.run(vni) {
            guard let wanted = try await wanted(network).first, wanted.vni == vni else { return nil }
            if let tenure {
                if tenure.isOver { throw TenureOver(term: tenure.term) }
                try await ledger.problem(Self.guestsProblem, of: network, Self.complaint(wanted.objections))
            }
            do {
                let pass = try await servers.bring(wanted)
                guard let tenure else { return pass }
                try await ledger.reached(.dnsmasq, of: network, generation: wanted.generation, under: tenure)
                return pass
            } catch let error as ServerError {
                if try await ledger.problem(AppliedPart.dnsmasq.rawValue, of: network, "\(error)") {
                    logger.error(
                        "a network has no server",
                        metadata: ["network": "\(wanted.name)", "error": "\(error)"]
                    )
                }
                throw error
            }
        }
    }

    /// What is said of guests that are left out; nil when none is.
    private static func complaint(_ objections: [String]) -> String? {
        guard !objections.isEmpty else { return nil }
        let rest = objections.count - guestsNamed
        let named = objections.prefix(guestsNamed).joined(separator: "; ")
        return "left out: " + named + (rest > 0 ? "; and \(rest) more" : "")
    }

    /// Tells everybody where the gateways are now, as far as there are any: whoever makes one announces it.
    func announceGateways() async throws {
        for network in try await wanted() {
            do {
                try namespaces.announce(network.vni)
            } catch {
                // The next announcement is soon, and the others do not wait for this one.
                logger.warning(
                    "a gateway was not announced",
                    metadata: ["network": "\(network.name)", "error": "\(error)"]
                )
            }
        }
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
