import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import Glibc
import Logging

/// The DHCP and DNS server of one network: a dnsmasq in the network's namespace, as a child of this process.
///
/// Calls are served one at a time. When a call returns, its change is in effect: a guest that starts afterwards is known
/// to the server. Needs CAP_SYS_ADMIN to enter the namespace, the right to become the server's user, and to give it its
/// capabilities.
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
    private let turns = OneAtATime()
    var current: Running?
    /// A Boolean value that indicates whether the last pass wanted a server and failed to start it.
    var hasFailed = false
    /// The children that are being ended.
    private var doomed: [SupervisedChild] = []

    /// The child, and the state that it is known to have.
    struct Running {
        let child: SupervisedChild
        /// The epoch after which the child is to be ended.
        let epoch: ServerPermit.Epoch
        let configuration: String
        var hosts: String?
        var names: String?
        let namespace: ProcessFacts.Namespace?
        /// The number of the device that its DHCP socket is bound to.
        var device: Int?
        /// The file of its leases, which it opens once and writes for as long as it lives.
        var leases: FileIdentity?
    }

    /// Creates a server; nothing is read or started before the first call.
    ///
    /// - Parameters:
    ///   - vni: the VNI of the network.
    ///   - namespacePath: the file of its namespace, such as `/run/netns/co-7`.
    ///   - directory: the directory for its files; its parent has to exist.
    ///   - credentials: see `Credentials.dnsmasq()`.
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
        try? await turns.run { await self.endCurrent() }
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
        guard current?.child === child else { return false }
        current = nil
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
        // A death that the task that waits for it has not noted yet.
        if let child = current?.child, let exit = child.exitIfEnded { _ = hasLost(child, exit) }
        // A child of a past epoch is about to be killed, and no pass may rely on it.
        await endOutdated()
        let disk = try disk()
        let files = wanted.isNeeded ? ServerFiles(wanted, at: disk.paths, upstream: upstream) : nil
        let strays = try await strays(wanted, disk)
        try permit.check(epoch)
        let plan = ServerPlan(child: known(), disk: try onDisk(disk.read), wanted: files, strays: strays)
        guard let files else {
            guard plan == .stop else { return .nothing }
            await endCurrent()
            return note(.stopped, wanted)
        }
        switch plan {
        case .nothing, .stop:
            try await expectAnswers(wanted, in: epoch)
            return .nothing
        case .reload:
            if try await reload(files, wanted, disk, in: epoch) { return note(.reloaded, wanted) }
            return try await restart(files, wanted, disk, in: epoch)
        case .restart: return try await restart(files, wanted, disk, in: epoch)
        case .start:
            try await start(files, wanted, disk, in: epoch)
            return note(.started, wanted)
        }
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
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> ServerPass {
        await endCurrent()
        try permit.check(epoch)
        try await start(files, wanted, disk, in: epoch)
        return note(.restarted, wanted)
    }

    /// Makes the running child read its hosts and names again.
    ///
    /// - Returns: False when it did not, or when a guest that was removed still has a lease: then only a restart helps.
    private func reload(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> Bool {
        guard let before = current else { return false }
        // The hosts and names that it has read are uncertain from here on, also if this is cancelled in between.
        current?.hosts = nil
        current?.names = nil
        try onDisk { () throws(ServerDisk.Failure) in try disk.write(files, over: try disk.read()) }
        var log = ServerLog(disk.paths, after: before.child.standardError)
        guard before.child.signal(SIGHUP) else { return false }
        let deadline = ContinuousClock.now + Self.reloadLimit
        while !log.hasRead(wanted) {
            guard ContinuousClock.now < deadline, before.child.exitIfEnded == nil, !log.hasMissed else { return false }
            try await Task.sleep(for: Self.pace)
            try permit.check(epoch)
            log.read(before.child.standardError)
        }
        guard current?.child === before.child else { return false }
        current?.hosts = files.hosts
        current?.names = files.names
        // Only now: until it had read its files, a removed guest could still get a lease.
        return try await releaseStrays(wanted, disk, in: epoch).areGone(from: before.hosts, to: files.hosts)
    }

    private func note(_ pass: ServerPass, _ wanted: ServerWanted) -> ServerPass {
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
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws {
        guard ProcessFacts.Namespace(of: namespacePath) != nil else { throw error(.noNamespace(errno)) }
        try onDisk(disk.make)
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
        // Before the child opens it: if it is replaced while the child starts, the child may have the old one or the new.
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
        served(self, ServedChild(child: child, network: wanted.id, since: .now))
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
        await endCurrent()
        let disk = try disk()
        do {
            _ = try await leftovers(disk).end()
        } catch let failure as Leftovers.Failure {
            throw error(failure.reason)
        }
        try onDisk(disk.remove)
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
}
