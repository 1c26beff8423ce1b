import ChildProcess
import ClusterEngine
import ClusterModel
import FoundationEssentials
import Glibc
import Logging
import ServiceLifecycle
import Synchronization

/// The DHCP and DNS servers of all networks of a node.
///
/// None may run before ``open(for:)``, nor after ``close(for:)``. Networks do not wait for each other.
package final class NetworkServers: Sendable {
    private struct State {
        var servers: [VNI: NetworkServer] = [:]
        var backoffs: [VNI: RestartBackoff] = [:]
        /// The number of servers that have taken the place of one that had died.
        var restarts = 0
        /// The number of times that the server of a network took the place of another process.
        var replacements: [VNI: Int] = [:]
        /// The number of times that each action was taken since the process began.
        var passes: [ServerPass: Int] = [:]
        /// The networks whose servers have died and do not run again yet.
        var fallen: Set<VNI> = []
        /// The servers that were last seen to listen, and slept then.
        var listening: [VNI: Sleeper] = [:]
    }

    private struct Sleeper: Sendable, Hashable {
        let pid: pid_t
        let sleep: [String]
    }

    private struct Start: Sendable {
        let server: NetworkServer
        let served: ServedChild
    }

    private let stateDirectory: String
    private let namespacePath: @Sendable (VNI) -> String
    private let firstUser: uid_t
    private let upstream: UpstreamServers
    private let logger: Logger
    private let permit = ServerPermit(isOpen: false)
    private let state = Mutex(State())
    private let starts: AsyncStream<Start>
    private let startFound: AsyncStream<Start>.Continuation

    /// Creates the set; nothing is read or started.
    ///
    /// - Parameters:
    ///   - stateDirectory: the directory that has one for each network, `{stateDirectory}/{VNI}`; it has to exist.
    ///   - namespacePath: the file of a network's namespace.
    ///   - firstUser: see `Credentials.server(of:firstUser:)`.
    ///   - upstream: the servers that they ask for names that are not their networks'.
    ///   - logger: the logger for each change.
    package init(
        stateDirectory: String,
        namespacePath: @escaping @Sendable (VNI) -> String,
        firstUser: uid_t,
        upstream: UpstreamServers = UpstreamServers(),
        logger: Logger
    ) {
        self.stateDirectory = stateDirectory
        self.namespacePath = namespacePath
        self.firstUser = firstUser
        self.upstream = upstream
        self.logger = logger.component("dnsmasq")
        (starts, startFound) = AsyncStream.makeStream()
    }

    /// Kills servers that an earlier process of this node has left running, also those of networks that are gone.
    ///
    /// - Throws: The error because of which some may be left.
    package func endLeftovers() async throws {
        let leftovers = Leftovers { [stateDirectory, namespacePath] configuration in
            let words = configuration.split(separator: "/")
            // A path is ours only if this process would have written it so.
            guard words.count > 1, let vni = try? VNI(String(words[words.count - 2])),
                let paths = try? ServerPaths(directory: "\(stateDirectory)/\(vni)"),
                paths.configuration == configuration
            else { return nil }
            return namespacePath(vni)
        }
        let count = try await leftovers.end()
        if count > 0 { logger.notice("servers of an earlier process killed", metadata: ["count": "\(count)"]) }
    }

    /// Allows servers to run.
    package func open(for purpose: ServerPermit.Purpose = .tenure) {
        permit.open(for: purpose)
    }

    /// A Boolean value that indicates whether servers may run now.
    var mayRun: Bool { permit.isOpen }

    /// Ends purposes, by default all; when none is left, kills all servers, and none may be started any more.
    ///
    /// From then on no child begins to serve, also not by a ``bring(_:)`` under way, which throws ``ServersClosed``.
    /// When it returns, no earlier child is left. It works in a cancelled task too. A call beside an ``open(for:)`` for
    /// another purpose either comes first, and the servers are new ones, or ends nothing.
    package func close(for purposes: Set<ServerPermit.Purpose> = Set(ServerPermit.Purpose.allCases)) async {
        guard permit.close(for: purposes) else { return }
        let servers = state.withLock { $0.servers.values }
        await withDiscardingTaskGroup { group in
            for server in servers { group.addTask { await server.killOutdated() } }
        }
    }

    /// Returns the present epoch, in which servers may run without a break.
    func epoch() throws(ServersClosed) -> ServerPermit.Epoch { try permit.begin() }

    /// Returns whether servers of an epoch may still run.
    func lasts(_ epoch: ServerPermit.Epoch) -> Bool { permit.lasts(epoch) }

    /// Brings the server of a network to its wanted state; see ``NetworkServer/bring(to:)``.
    ///
    /// - Throws: ``ServersClosed`` when none may run, and what a server throws.
    package func bring(_ wanted: ServerWanted) async throws -> ServerPass {
        let pass = try await server(of: wanted.vni).bring(to: wanted)
        state.withLock { $0.passes[pass, default: 0] += 1 }
        return pass
    }

    /// Ends the server of a network and removes its files.
    ///
    /// - Throws: ``ServerError`` when a file or a process stays.
    package func remove(_ vni: VNI) async throws {
        try await server(of: vni).remove()
    }

    /// The VNIs of which there are files.
    ///
    /// - Throws: When the directory cannot be read.
    package func present() throws -> Set<VNI> {
        Set(try FileManager.default.contentsOfDirectory(atPath: stateDirectory).compactMap { try? VNI($0) })
    }

    /// The process ids of the servers that run.
    package var running: [VNI: pid_t] {
        get async {
            var running: [VNI: pid_t] = [:]
            for (vni, server) in state.withLock({ $0.servers }) { running[vni] = await server.pid }
            return running
        }
    }

    /// The number of times that each action was taken on a server.
    package var passes: [ServerPass: Int] { state.withLock { $0.passes } }

    /// The number of times that servers that had died were started again.
    package var restarts: Int { state.withLock { $0.restarts } }

    /// The servers as `service list` shows them: those that run, and those that have died and will be started again.
    package var readings: [ProcessReading] {
        get async {
            let (fallen, replacements) = state.withLock { ($0.fallen, $0.replacements) }
            let down = fallen.map { vni in
                ProcessReading(
                    service: "dnsmasq \(vni)",
                    state: .failed,
                    restarts: replacements[vni] ?? 0,
                    health: .unhealthy("it has died and is started again after a rest")
                )
            }
            return await running.filter { !fallen.contains($0.key) }.map { vni, pid in
                let usage = ProcessUsage(of: pid)
                return ProcessReading(
                    service: "dnsmasq \(vni)",
                    state: usage == nil ? .failed : .running,
                    pid: Int(pid),
                    restarts: replacements[vni] ?? 0,
                    memoryBytes: usage?.memoryBytes,
                    processorTime: usage?.processorTime,
                    health: health(of: vni, pid)
                )
            } + down
        }
    }

    /// The health of a server: one that has slept since it was seen to listen still does.
    ///
    /// To look costs the kernel a walk through the sockets of all namespaces.
    private func health(of vni: VNI, _ pid: pid_t) -> ProcessReading.Health {
        let facts = ProcessFacts(pid: pid)
        let sleeper = facts.sleep.map { Sleeper(pid: pid, sleep: $0) }
        if let sleeper, state.withLock({ $0.listening[vni] }) == sleeper { return .healthy }
        let health = facts.health
        state.withLock { $0.listening[vni] = health == .healthy ? sleeper : nil }
        return health
    }

    /// Starts servers that die again, until graceful shutdown or cancellation.
    ///
    /// The first time at once, then with growing delays. To be called once; it does not end the servers.
    ///
    /// - Parameter bring: brings a network's server to its present wanted state, which may differ from the one with
    ///   which it was started. Returns nil when the network is gone.
    package func run(_ bring: @escaping @Sendable (NetworkID) async throws -> ServerPass?) async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await start in self.starts { group.addTask { await self.watch(start, bring) } }
            }
        }
    }

    /// The servers of all networks that there have been.
    var all: [NetworkServer] { state.withLock { Array($0.servers.values) } }

    /// Servers are never removed, so that two calls for one network always have the same one: a few words for each VNI.
    private func server(of vni: VNI) -> NetworkServer {
        state.withLock { state in
            if let server = state.servers[vni] { return server }
            let server = NetworkServer(
                vni: vni,
                namespacePath: namespacePath(vni),
                directory: "\(stateDirectory)/\(vni)",
                credentials: .server(of: vni, firstUser: firstUser),
                upstream: upstream,
                permit: permit,
                logger: logger,
                served: { [startFound] in startFound.yield(Start(server: $0, served: $1)) }
            )
            state.servers[vni] = server
            return server
        }
    }

    private func watch(
        _ start: Start,
        _ bring: @Sendable (NetworkID) async throws -> ServerPass?
    ) async {
        if let predecessor = start.served.predecessor {
            state.withLock { state in
                state.replacements[start.server.vni, default: 0] += 1
                state.restarts += predecessor == .died ? 1 : 0
            }
        }
        // Nil when the wait was cancelled.
        guard let exit = try? await start.served.child.exit else { return }
        let life = start.served.since.duration(to: .now)
        guard await start.server.hasLost(start.served.child, exit) else { return }
        await revive(start, afterLifeOf: life, bring)
    }

    private func revive(
        _ start: Start,
        afterLifeOf life: Duration,
        _ bring: @Sendable (NetworkID) async throws -> ServerPass?
    ) async {
        let vni = start.server.vni
        var life = life
        state.withLock { _ = $0.fallen.insert(vni) }
        defer { state.withLock { _ = $0.fallen.remove(vni) } }
        while true {
            let delay = state.withLock { $0.backoffs[vni, default: RestartBackoff()].delay(afterLifeOf: life) }
            guard await pause(for: delay) == .elapsed else { return }
            do {
                _ = try await bring(start.served.network)
                return
            } catch is ServersClosed {
                return
            } catch {
                // A cancelled attempt has not failed.
                guard !Task.isCancelled else { return }
                logger.warning(
                    "network server could not be started again",
                    metadata: ["vni": "\(vni)", "error": "\(error)"]
                )
                life = .zero
            }
        }
    }
}

extension ProcessFacts {
    /// The health of a server: healthy when it listens in its namespace, for DNS or for DHCP.
    fileprivate var health: ProcessReading.Health {
        hasBound(port: 53) || hasBound(port: 67) ? .healthy : .unhealthy("it listens neither for DNS nor for DHCP")
    }
}
