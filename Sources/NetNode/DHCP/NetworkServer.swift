import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Glibc
import Logging

/// The DHCP and DNS server of one network: a dnsmasq in the network's namespace, as a child of this process.
///
/// Calls are served one at a time. When a call returns, its change is in effect: a guest that starts afterwards is
/// known to the server. Needs CAP_SYS_ADMIN to enter the namespace, the right to become the server's user, and to give
/// it its capabilities.
package actor NetworkServer {
    /// From the start of dnsmasq until it serves: 10 ms were measured with 1,000 guests; one with 65,534 needs minutes
    /// and is too large for it.
    package static let startLimit: Duration = .seconds(10)
    /// From SIGHUP until it has read its files: 0.2 s were measured with 10,000 guests.
    package static let reloadLimit: Duration = .seconds(10)
    /// From SIGTERM to SIGKILL: dnsmasq ends within milliseconds.
    package static let grace: Duration = .seconds(1)

    package nonisolated let vni: VNI
    let namespacePath: String
    let directory: String
    let credentials: Credentials
    private let upstream: UpstreamServers
    let permit: ServerPermit
    let logger: Logger
    private let served: @Sendable (NetworkServer, ServedChild) -> Void
    let turns = OneAtATime()
    var current: Running?
    /// The MAC for which the server is asked whether it answers: another one at each start.
    private(set) var probe: MACAddress
    /// A Boolean value that indicates whether the last pass wanted a server and failed to start it.
    var hasFailed = false
    /// The children that are being ended.
    private var doomed: [SupervisedChild] = []
    /// The end of the last child that served, if another one is to take its place in the same epoch.
    private var predecessor: (end: ServedChild.Predecessor, epoch: ServerPermit.Epoch)?

    /// The child, and the state that it is known to have.
    struct Running {
        let child: SupervisedChild
        /// The epoch after which the child is to be ended.
        let epoch: ServerPermit.Epoch
        let configuration: String
        /// The state that it was last brought to.
        var wanted: ServerWanted
        var hosts: String?
        var names: String?
        let namespace: ProcessFacts.Namespace?
        /// The number of the device that its DHCP socket is bound to.
        var device: Int?
        /// The lines that it has logged and that were not read yet.
        var lines = OutputLines(after: nil)
        /// The file of its leases, which it opens once and writes for as long as it lives.
        var leases: FileIdentity?
    }

    /// Creates a server; nothing is read or started before the first call.
    ///
    /// - Parameters:
    ///   - vni: the VNI of the network.
    ///   - namespacePath: the file of its namespace, such as `/run/netns/co-7`.
    ///   - directory: the directory for its files; its parent has to exist.
    ///   - credentials: see `Credentials.server(of:firstUser:)`.
    ///   - upstream: the servers that it asks for names that are not the network's.
    ///   - permit: the permission to run; by default always given.
    ///   - logger: the logger for each change.
    ///   - served: called with each child that serves, so that its end is waited for.
    package init(
        vni: VNI,
        namespacePath: String,
        directory: String,
        credentials: Credentials,
        upstream: UpstreamServers = UpstreamServers(),
        permit: ServerPermit = ServerPermit(isOpen: true),
        logger: Logger,
        served: @escaping @Sendable (NetworkServer, ServedChild) -> Void = { _, _ in }
    ) {
        self.vni = vni
        self.namespacePath = namespacePath
        self.directory = directory
        self.credentials = credentials
        self.upstream = upstream
        self.permit = permit
        self.logger = logger
        self.served = served
        probe = ServerProbe.randomAddress { $0.role(in: vni) != nil }
    }

    /// The process id of the running server; nil when none runs.
    package var pid: pid_t? {
        guard let child = current?.child, child.exitIfEnded == nil else { return nil }
        return child.pid
    }

    /// Brings the server to its wanted state, whatever it is now.
    ///
    /// - Returns: The action; when none was needed, the server got no signal and has answered the probe.
    /// - Throws: ``ServerError``, ``ServersClosed``, ``ServerPathError`` or `CancellationError`. After a failed start,
    ///   and after a server that did not answer, none runs.
    package func bring(to wanted: ServerWanted) async throws -> ServerPass {
        precondition(wanted.vni == vni, "the server of network \(vni) was given network \(wanted.vni)")
        let epoch = try permit.begin()
        return try await turns.run { try await self.notedPass(to: wanted, in: epoch) }
    }

    /// Ends the server, by SIGTERM first.
    package func stop() async {
        // Ending throws nothing.
        try? await turns.run { await self.endForGood() }
    }

    /// Ends the server and the processes of an earlier one, and removes its files.
    ///
    /// - Throws: ``ServerError`` when a file or a process stays.
    package func remove() async throws {
        try await turns.run { try await self.endAndForget() }
    }

    /// Kills the children of an epoch that is over, also one that is just being started.
    ///
    /// When it returns, none of them runs; one that was started for a new purpose meanwhile is left.
    func killOutdated() async {
        if current.map({ !permit.lasts($0.epoch) }) ?? true {
            if let current { doomed.append(current.child) }
            current = nil
            hasFailed = false
        }
        await withDiscardingTaskGroup { group in
            for child in doomed { group.addTask { await child.terminate(grace: .zero) } }
        }
        doomed.removeAll { $0.exitIfEnded != nil }
        // A pass under way finds at its next step that its epoch is over, and leaves nothing at its end.
        try? await turns.run { await self.endOutdated() }
    }

    /// Notes that a child has ended.
    ///
    /// - Returns: Whether it was wanted still.
    func hasLost(_ child: SupervisedChild, _ exit: ChildExit) -> Bool {
        guard let epoch = current?.epoch, current?.child === child else { return false }
        current = nil
        predecessor = (.died, epoch)
        logger.warning(
            "network server died",
            metadata: [
                "vni": "\(vni)", "pid": "\(child.pid)", "exit": "\(exit)",
                "stderr": "\(child.standardError.text.suffix(200))",
            ]
        )
        return true
    }

    // MARK: A pass

    private func notedPass(to wanted: ServerWanted, in epoch: ServerPermit.Epoch) async throws -> ServerPass {
        do {
            let pass = try await pass(to: wanted, in: epoch)
            hasFailed = false
            return pass
        } catch {
            hasFailed = error is ServerError
            throw error
        }
    }

    private func pass(to wanted: ServerWanted, in epoch: ServerPermit.Epoch) async throws -> ServerPass {
        try permit.check(epoch)
        noteDeath()
        // A child of a past epoch is about to be killed, and no pass may rely on it.
        await endOutdated()
        let disk = try disk()
        if wanted.hosts.contains(where: { $0.mac == probe }) { chooseProbe(wanted) }
        let files = wanted.isNeeded ? files(wanted, disk) : nil
        let strays = try await strays(wanted, disk)
        try permit.check(epoch)
        // It may have died while its leases were read.
        noteDeath()
        let plan = ServerPlan(child: known(), disk: try onDisk(disk.read), wanted: files, strays: strays)
        guard let files else {
            guard plan == .stop else { return .nothing }
            await endForGood()
            return note(.stopped, wanted)
        }
        switch plan {
        case .nothing, .stop:
            return try await ensureAnswers(files, wanted, disk, in: epoch)
        case .reload:
            if try await reload(files, wanted, disk, in: epoch) { return note(.reloaded, wanted) }
            return try await restart(wanted, disk, in: epoch)
        case .restart: return try await restart(wanted, disk, in: epoch)
        case .start:
            try await start(wanted, disk, in: epoch)
            return note(.started, wanted)
        }
    }

    private func files(_ wanted: ServerWanted, _ disk: ServerDisk) -> ServerFiles {
        ServerFiles(wanted, at: disk.paths, upstream: upstream, probe: probe)
    }

    private func chooseProbe(_ wanted: ServerWanted) {
        let guests = Set(wanted.hosts.map(\.mac))
        probe = ServerProbe.randomAddress { guests.contains($0) || $0.role(in: vni) != nil }
    }

    /// Notes a death before the task that waits for the child's end has had a turn.
    private func noteDeath() {
        if let child = current?.child, let exit = child.exitIfEnded { _ = hasLost(child, exit) }
    }

    /// The running child for the plan; nil when none runs.
    private func known() -> ServerPlan.Child? {
        guard let current, current.child.exitIfEnded == nil else { return nil }
        return ServerPlan.Child(
            configuration: current.configuration,
            hosts: current.hosts,
            names: current.names,
            isInPlace: isInPlace(current)
        )
    }

    private func restart(
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> ServerPass {
        await endCurrent()
        try permit.check(epoch)
        try await start(wanted, disk, in: epoch)
        return note(.restarted, wanted)
    }

    func note(_ pass: ServerPass, _ wanted: ServerWanted) -> ServerPass {
        logger.info(
            "network server changed",
            metadata: [
                "vni": "\(vni)", "change": "\(pass.rawValue)", "generation": "\(wanted.generation)",
                "hosts": "\(wanted.hosts.count)", "pid": "\(pid ?? 0)",
            ]
        )
        return pass
    }

    // MARK: Children

    /// Starts a child with an empty lease file, and waits until it serves.
    ///
    /// Without its lease a known guest's renewal is acknowledged all the same; a wrong lease that is carried over would
    /// refuse another guest.
    private func start(
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws {
        guard ProcessFacts.Namespace(of: namespacePath) != nil else { throw error(.noNamespace(errno)) }
        try onDisk(disk.make)
        chooseProbe(wanted)
        let files = files(wanted, disk)
        for attempt in 1... {
            try onDisk { () throws(ServerDisk.Failure) in try disk.write(files, over: try disk.read()) }
            do {
                _ = try await leftovers(disk).end()
            } catch let failure as Leftovers.Failure {
                throw error(failure.reason)
            }
            try permit.check(epoch)
            try onDisk(disk.forgetLeases)
            do {
                return try await startOnce(files, wanted, disk, in: epoch)
            } catch let error as ServerError {
                // A dying process closes its sockets a moment after it has left /proc.
                let mayPass = error.reason == .ended(Self.networkTrouble) || error.reason == .filesTaken
                guard mayPass, attempt < Self.attempts else { throw error }
                try await Task.sleep(for: Self.attemptPace)
            }
        }
    }

    private func startOnce(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws {
        try permit.check(epoch)
        let namespace = ProcessFacts.Namespace(of: namespacePath)
        // Before the child opens it: if it is replaced while the child starts, the child may have the old one or the
        // new.
        let leases = FileIdentity(of: disk.paths.leases)
        let child: SupervisedChild
        do {
            child = try await SupervisedChild.start(specification(disk.paths))
        } catch {
            throw self.error(.notStarted("\(error)"))
        }
        current = Running(
            child: child,
            epoch: epoch,
            configuration: files.configuration,
            wanted: wanted,
            namespace: namespace,
            leases: leases
        )
        do {
            try permit.check(epoch)
            try await waitUntilServing(child, wanted, disk.paths, in: epoch)
            try permit.check(epoch)
        } catch {
            if current?.child === child { current = nil }
            await end(child, grace: .zero)
            throw error
        }
        guard current?.child === child else { throw ServersClosed() }
        current?.hosts = files.hosts
        current?.names = files.names
        current?.device = ProcessFacts(pid: child.pid).index(of: ServerFiles.device)
        let last = predecessor.flatMap { $0.epoch == epoch ? $0.end : nil }
        predecessor = (.replaced, epoch)
        served(self, ServedChild(child: child, network: wanted.id, since: .now, predecessor: last))
    }

    private func waitUntilServing(
        _ child: SupervisedChild,
        _ wanted: ServerWanted,
        _ paths: ServerPaths,
        in epoch: ServerPermit.Epoch
    ) async throws {
        let facts = ProcessFacts(pid: child.pid)
        let ports: [UInt16] = (wanted.servesDHCP ? [67] : []) + (wanted.servesDNS ? [53] : [])
        var log = ServerLog(paths, after: nil)
        let deadline = ContinuousClock.now + Self.startLimit
        while !log.hasRead(wanted) || !ports.allSatisfy(facts.hasBound) {
            try permit.check(epoch)
            if let exit = child.exitIfEnded { throw error(.ended(exit), child) }
            // dnsmasq does not try again to open its files: waiting would only end by the timeout.
            guard !log.hasMissed else { throw error(.filesTaken, child) }
            guard ContinuousClock.now < deadline else { throw error(.notServing(within: Self.startLimit), child) }
            try await Task.sleep(for: Self.pace)
            log.read(child.standardError)
        }
        let unanswered = try await unanswered(wanted, by: child, within: Self.answerLimit, in: epoch)
        guard unanswered.isEmpty else {
            throw error(.notAnswering(unanswered.map(\.rawValue), within: Self.answerLimit), child)
        }
    }

    private func endAndForget() async throws {
        hasFailed = false
        await endForGood()
        let disk = try disk()
        do {
            _ = try await leftovers(disk).end()
        } catch let failure as Leftovers.Failure {
            throw error(failure.reason)
        }
        try onDisk(disk.remove)
    }

    private func endForGood() async {
        await endCurrent()
        predecessor = nil
    }

    private func endCurrent() async {
        guard let child = current?.child else { return }
        // Before the end, so that it does not count as a death.
        current = nil
        await end(child, grace: Self.grace)
    }

    private func endOutdated() async {
        guard let current, !permit.lasts(current.epoch) else { return }
        self.current = nil
        await end(current.child, grace: .zero)
    }

    private func end(_ child: SupervisedChild, grace: Duration) async {
        doomed.append(child)
        await child.terminate(grace: grace)
        doomed.removeAll { $0 === child }
    }
}

/// A child that serves, and whose end is waited for.
package struct ServedChild: Sendable {
    package let child: SupervisedChild
    package let network: NetworkID
    package let since: ContinuousClock.Instant
    /// The end of the child whose place it takes; nil for the first one since servers may run, or are wanted.
    package let predecessor: Predecessor?

    /// A way in which a child made room for another one.
    package enum Predecessor: Sendable, Hashable {
        /// It died by itself, or was ended because it did not answer.
        case died
        /// It was ended for one that knows what is new.
        case replaced
    }
}
