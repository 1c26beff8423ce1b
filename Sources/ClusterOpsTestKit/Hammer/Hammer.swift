import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Many callers and many workers on few targets, with connections cut in COMMIT and workers killed, and a checker that
/// holds every promise against what came of it.
///
/// It measures nothing: it is the claim "nothing is lost, nothing is doubled, nothing is done with stale eyes", tried.
/// Therefore a run in which nothing was folded, or no COMMIT was left unanswered, fails as well: it has proved nothing.
public struct Hammer: Sendable {
    private let settings: HammerSettings

    /// Creates a hammer; nothing happens before `run`.
    public init(_ settings: HammerSettings) {
        self.settings = settings
    }

    /// Hammers on a server, or on all of some that replicate to each other, and checks.
    ///
    /// - Parameter servers: Each has 200 connections to give; half of the traffic is the first one's.
    /// - Returns: What was seen.
    /// - Throws: When the server does not start or does not answer.
    public func run(on servers: PrivateServer...) async throws -> HammerReport {
        try await withCluster(connections: settings.connections, on: servers[0]) { cluster in
            let networks = try await prepare(cluster)
            let proxies = try (0...settings.workers / 2).map { number in
                try DatabaseProxy(to: servers[(number + 1) % servers.count])
            }
            defer { for proxy in proxies { proxy.close() } }
            for (number, proxy) in proxies.enumerated() {
                var random = settings.generator(.proxy, number)
                proxy.disturbCommits(chance: settings.cutChance, seed: random.next())
            }
            let ways = proxies.enumerated().map { number, proxy in
                cluster.through(proxy, connections: number == 0 ? settings.connections : 8)
            }
            do {
                var report = try await hammer(cluster, networks, proxies, ways)
                report.refuse("members with other rows", try await strays(among: servers, of: cluster))
                for way in ways { await way.database.close() }
                return report
            } catch {
                for way in ways { await way.database.close() }
                throw error
            }
        }
    }

    private func prepare(_ cluster: TestCluster) async throws -> [NetworkName] {
        for number in 0..<settings.workers { try await cluster.addNode(Self.node(number)) }
        for task in [HammerTask.once, HammerTask.onceForAll] {
            try await cluster.register(task.name.description, coalescible: task.isCoalescible, attempts: 1)
        }
        var networks: [NetworkName] = []
        for number in 0..<settings.networks {
            let name = "net-\(number)"
            try await cluster.addNetwork(name)
            networks.append(try NetworkName(name))
        }
        return networks
    }

    /// The servers whose rows are not those of the first one.
    private func strays(among servers: [PrivateServer], of cluster: TestCluster) async throws -> [String] {
        var strays: [String] = []
        let first = try await cluster.database.checksums()
        for server in servers.dropFirst() {
            let member = Database(server.configuration(schema: cluster.configuration.schema), logger: .silent)
            let found = try await member.checksums()
            await member.close()
            if found != first { strays.append("\(server.directory.path) has \(found), and the first \(first)") }
        }
        return strays
    }

    /// Commands of one attempt, so that a failure is an end.
    enum HammerTask {
        static let once = define("hammer_once", coalescible: false)
        static let onceForAll = define("hammer_once_for_all", coalescible: true)

        private static func define(_ name: String, coalescible: Bool) -> TaskDefinition {
            guard let name = try? TaskName(name) else { preconditionFailure("'\(name)' is a task name") }
            return TaskDefinition(
                name: name,
                kind: .command,
                isCoalescible: coalescible,
                maximumAttempts: 1,
                timeout: .seconds(60)
            )
        }
    }

    private static func node(_ number: Int) -> String { "h\(number)" }

    private func hammer(
        _ cluster: TestCluster,
        _ networks: [NetworkName],
        _ proxies: [DatabaseProxy],
        _ ways: [TestCluster]
    ) async throws -> HammerReport {
        let (ledger, log) = (HammerLedger(), EffectLog())
        let end = ContinuousClock.now + settings.duration
        let handlers = handlers(log, ledger, reading: cluster.database, hangingUntil: end)
        var report = HammerReport(seed: settings.seed)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<settings.workers {
                // Every other one goes its own way through a proxy; the first proxy is the clients'.
                let isProxied = number.isMultiple(of: 2) && number / 2 + 1 < proxies.count
                let worker = HammerWorker(
                    node: Self.node(number),
                    cluster: isProxied ? ways[number / 2 + 1] : cluster,
                    proxy: isProxied ? proxies[number / 2 + 1] : nil,
                    handlers: handlers,
                    settings: settings,
                    ledger: ledger,
                    random: settings.generator(.trouble, number)
                )
                group.addTask {
                    do {
                        try await worker.run(quietFrom: end)
                    } catch {
                        if !Task.isCancelled { ledger.note { $0.complaints.append("a worker gave up: \(error)") } }
                    }
                }
            }
            group.addTask {
                do {
                    try await settings.disturbServers?()
                } catch {
                    ledger.note { $0.complaints.append("a server was not disturbed: \(error)") }
                }
            }
            await withDiscardingTaskGroup { clients in
                for number in 0..<settings.clients {
                    let client = HammerClient(
                        cluster: number.isMultiple(of: 2) ? cluster : ways[0],
                        networks: networks,
                        ledger: ledger,
                        random: settings.generator(.client, number)
                    )
                    clients.addTask { await client.run(until: end) }
                }
            }
            for proxy in proxies { proxy.heal() }
            let quiet = ContinuousClock.now
            // What does not end in time is what the report is for.
            try? await eventually("the queue is empty", within: settings.patience) {
                try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
            }
            report.add("milliseconds until all had ended", Int((ContinuousClock.now - quiet) / .milliseconds(1)))
            group.cancelAll()
        }
        let check = try await HammerCheck(cluster, ledger: ledger, log: log)
        let (reaped, handedBack) = try await cluster.returns()
        let counts = proxies.map(\.counts).reduce(DatabaseProxy.Counts(), +)
        check.report(&report, unknown: counts, reaped: reaped, handedBack: handedBack)
        return report
    }

    private func handlers(
        _ log: EffectLog,
        _ ledger: HammerLedger,
        reading database: Database,
        hangingUntil end: ContinuousClock.Instant
    ) -> [any TaskHandler] {
        let seed = settings.seed
        let course: @Sendable (Attempt) -> RecordingHandler.Course = { attempt in
            if ledger.hangs(attempt.node.description) { return .hang }
            let key = attempt.operation.id.description.utf8.reduce(seed) { ($0 &* 31) &+ UInt64($1) }
            var random = SeededGenerator(seed: key &+ UInt64(attempt.operation.deliveries))
            switch Int.random(in: 0..<200, using: &random) {
            case 0..<4: return .fail
            case 4..<8: return .tryLater
            // What hangs ends with its worker, each of which is ended once more after the end.
            case 8 where ContinuousClock.now < end: return .hang
            case 9..<40 where attempt.operation.maximumAttempts == 1: return .fail
            default: return .succeed(after: .microseconds(Int.random(in: 0...4000, using: &random)))
            }
        }
        let builtIn = [BuiltInTask.networkApplyUpdateDNSMasq, .networkRemoveDHCPLease, .noop].map(\.definition)
        return (builtIn + [HammerTask.once, HammerTask.onceForAll]).map { definition in
            RecordingHandler(
                definition,
                log: log,
                wanted: { attempt in
                    guard let network = attempt.operation.network else { return nil }
                    return try await database.withSession { session in
                        try session.query("SELECT generation FROM networks WHERE name = \(network)")[0].only(Int.self)
                    }
                },
                course: course
            )
        }
    }
}

extension Database {
    /// Computes a checksum of each of the tables that matter.
    fileprivate func checksums() async throws -> [String: Int?] {
        try await withSession { session in
            let rows = try session.query("CHECKSUM TABLE work_queue, finished_operations, networks")
            return Dictionary(uniqueKeysWithValues: try rows.map { try $0.decode((String, Int?).self) })
        }
    }
}

extension TestCluster {
    /// Counts the deliveries of ended operations that were reaped, and those that were handed back.
    fileprivate func returns() async throws -> (reaped: Int, handedBack: Int) {
        try await database.withSession { session in
            let rows = try session.query(
                """
                SELECT CAST(COALESCE(SUM((LENGTH(attempt_history)
                        - LENGTH(REPLACE(attempt_history, '"reaped"', ''))) / 8), 0) AS SIGNED),
                    CAST(COALESCE(SUM((LENGTH(attempt_history)
                        - LENGTH(REPLACE(attempt_history, '"handed_back"', ''))) / 13), 0) AS SIGNED)
                FROM finished_operations
                """
            )
            return try rows[0].decode((Int, Int).self)
        }
    }
}
