import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import Glibc
import Logging

/// The DHCP and DNS server of one network: a dnsmasq in the network's namespace, as a child of this process.
///
/// Calls are served one at a time. What a call returns is in effect by then: a guest that starts afterwards is known to
/// the server. Needs CAP_SYS_ADMIN to enter the namespace, the right to become the server's user, and to give it its
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
    private let upstream: [IPv4Address]
    let permit: ServerPermit
    let logger: Logger
    private let served: @Sendable (NetworkServer, ServedChild) -> Void
    private let turns = OneAtATime()
    var current: Running?
    /// A Boolean value that indicates whether the last pass was to have a server and has none to show for it.
    var hasFailed = false
    /// Those that are being ended.
    private var doomed: [SupervisedChild] = []

    /// The child, and what it is known to know.
    struct Running {
        let child: SupervisedChild
        /// Over it, the child is to be ended.
        let epoch: ServerPermit.Epoch
        let configuration: String
        var hosts: String?
        var names: String?
        let namespace: ProcessFacts.Namespace?
        /// The number of the device that its DHCP socket is bound to.
        var device: Int?
        /// The file that it writes its leases to, for as long as it lives: it opens it once.
        var leases: FileIdentity?
    }

    /// Creates one; nothing is read or started before the first call.
    ///
    /// - Parameters:
    ///   - vni: of the network.
    ///   - namespacePath: the file of its namespace, such as `/run/netns/co-7`.
    ///   - directory: for its files; the one above it has to be there.
    ///   - credentials: see `Credentials.dnsmasq()`.
    ///   - upstream: whom it asks for names that are not the network's.
    ///   - permit: whether it may run; by default always.
    ///   - logger: told of each change.
    ///   - served: is told of each child that serves, so that somebody waits for its end.
    package init(
        vni: VNI,
        namespacePath: String,
        directory: String,
        credentials: Credentials,
        upstream: [IPv4Address] = [],
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

    /// Makes the server what is wanted, whatever it is now.
    ///
    /// - Returns: What was done; when nothing had to be, the server got no signal, and has answered when it was asked.
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

    /// Ends the server and what an earlier one left, and removes its files.
    ///
    /// - Throws: ``ServerError`` when a file or a process stays.
    package func remove() async throws {
        try await turns.run { try await self.endAndForget() }
    }

    /// Kills whatever runs of an epoch that is over, also what is just being started.
    ///
    /// When it returns, none runs; one that was started for a new purpose meanwhile is left.
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
        // A pass in the middle finds its epoch over at its next step; nothing is left of it at its end.
        try? await turns.run { await self.endOutdated() }
    }

    /// Takes note that a child has ended.
    ///
    /// - Returns: Whether it should not have.
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
        // Seen here before whoever waits for its end has had a turn.
        if let child = current?.child, let exit = child.exitIfEnded { _ = hasLost(child, exit) }
        // It is about to be killed, and no pass may rely on it.
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

    /// The child as the plan needs it; nil when none runs.
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

    /// Has the running child read its hosts and names again.
    ///
    /// - Returns: False when it did not, or when a guest that was taken away still has a lease: then only a restart
    ///   helps.
    private func reload(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> Bool {
        guard let before = current else { return false }
        // What it knows is uncertain from here on; whoever is cancelled in between leaves it at that.
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
        // Only now: until it had read its files, who was taken away could still get a lease.
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
    /// A known guest's renewal is then acknowledged all the same; a lease that is carried over and wrong would refuse a
    /// good guest.
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
                // A process that is dying lets go of its sockets a moment after it is out of sight.
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
        // Before it is opened: one that is taken away while the child starts is not what the child has.
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
            // It will not look for them again, and would be waited for in vain.
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
        // First: an end that is wanted is no loss.
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

/// A child that serves, for whoever waits for its end.
package struct ServedChild: Sendable {
    package let child: SupervisedChild
    package let network: NetworkID
    package let since: ContinuousClock.Instant
}
