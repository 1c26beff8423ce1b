import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB

/// The workers of many nodes in one process, each with connections of its own.
struct SimulatedCluster {
    static let lease: Duration = .seconds(10)
    /// Sessions that are opened together: at its start each has up to four connections, and later one.
    private static let opened = 100
    /// The time that each hundred may take: a machine that is busy otherwise needs it.
    private static let patience: Duration = .seconds(300)

    /// The counters of the server and of the sessions at one moment.
    struct Load: Sendable {
        let sessions: Int
        let renewals: Int
        let statements: Int
        let rows: Int
    }

    /// One process, which can be killed: its connections end, and no statement of its own comes after.
    private struct Process: Sendable {
        let node: NodeName
        let database: Database
        let worker: Worker
    }

    private let nodes: [NodeName]
    private let cluster: TestCluster
    private let queueworkers: [Process]
    private let netnodes: [Process]
    private let killed = Locked<Set<NodeName>>([])

    init(nodes count: Int, cluster: TestCluster) throws {
        self.cluster = cluster
        nodes = try (1...count).map { try NodeName("h\($0)") }
        queueworkers = nodes.map { Self.process(.queueworker, $0, cluster) }
        netnodes = nodes.map { Self.process(.netnode, $0, cluster) }
    }

    private static func process(_ daemon: DaemonName, _ node: NodeName, _ cluster: TestCluster) -> Process {
        let database = Database(cluster.configuration, pool: Configuration().pool(), logger: .silent)
        let parts = Worker.Parts(
            database: database,
            handlers: [
                CallingHandler(definition: BuiltInTask.noop.definition) { _ in
                    // Until it is cancelled: what runs is there to be taken back.
                    try? await Task.sleep(for: .seconds(3600))
                }
            ],
            doorbell: Doorbell(),
            address: { try? HostPort("127.0.0.1:9") },
            waker: NoWaker(),
            counters: CoalescingCounters(database: database),
            children: NoChildren(),
            logger: .silent
        )
        let targets: [QueueTarget] = daemon == .netnode ? [.nodeNetwork(node)] : [.node(node), .any]
        let settings = Worker.Settings(
            daemon: daemon,
            node: node,
            slots: 4,
            pollInterval: .seconds(2),
            stalenessBound: .seconds(60),
            lease: SessionLease.Timing(lease: lease, renew: lease / 5)
        )
        return Process(node: node, database: database, worker: Worker(settings, parts) { targets })
    }

    /// Runs a body beside all of them, once they have their sessions.
    func run<Result: Sendable>(_ body: (SimulatedCluster) async throws -> Result) async throws -> Result {
        try await cluster.execute(
            """
            INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
            SELECT UUID(), CONCAT('h', seq), CONCAT('10.0.', seq DIV 250, '.', seq % 250 + 1), TRUE, seq <= 3
            FROM seq_1_to_100000 WHERE seq <= \(nodes.count)
            """
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for (number, process) in (queueworkers + netnodes).enumerated() {
                // Not all at once: logins are the dearest that a server does, and who is kept waiting logs in again.
                if number % Self.opened == 0 { try await waitForSessions(number) }
                group.addTask { try await process.database.run() }
                group.addTask {
                    // The renewals of a cluster are spread over their interval.
                    try await Task.sleep(for: .seconds(2) * Double.random(in: 0..<1))
                    try await process.worker.run()
                }
            }
            try await waitForSessions(2 * nodes.count)
            return try await body(self)
        }
    }

    /// Waits until so many sessions have been renewed.
    private func waitForSessions(_ count: Int) async throws {
        let deadline = ContinuousClock.now + Self.patience
        let living: SQL = "SELECT COUNT(*) FROM sessions WHERE dead = FALSE AND renewals > 0"
        while try await cluster.count(living) < count {
            guard ContinuousClock.now < deadline else { throw ValidationError("\(count) sessions were not opened") }
            // Each question reads all sessions: more of them would be the load that is measured.
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    // MARK: Load

    func load() async throws -> Load {
        let (sessions, renewals, statements, rows) = try await cluster.database.withSession { session in
            try session.query(
                """
                SELECT (SELECT COUNT(*) FROM sessions WHERE dead = FALSE),
                    (SELECT CAST(SUM(renewals) AS SIGNED) FROM sessions),
                    (SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.global_status
                        WHERE variable_name IN ('QUESTIONS', 'COM_ADMIN_COMMANDS', 'COM_STMT_PREPARE')),
                    (SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.global_status
                        WHERE variable_name LIKE 'HANDLER\\_READ%')
                """
            )[0].decode((Int, Int, Int, Int).self)
        }
        return Load(sessions: sessions, renewals: renewals, statements: statements, rows: rows)
    }

    func connections() async throws -> Int {
        try await cluster.count("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
    }

    // MARK: Deaths

    /// Gives an operation to each of some queueworkers, waits until they run them, and kills them.
    ///
    /// - Returns: Their sessions.
    func kill(_ count: Int) async throws -> [SessionID] {
        let before = killed.value
        let victims = Array(queueworkers.filter { !before.contains($0.node) }.shuffled().prefix(count))
        killed.update { $0.formUnion(victims.map(\.node)) }
        for victim in victims {
            _ = try await cluster.queue.enqueue(
                OperationRequest(tasks: [BuiltInTask.noop.name], target: .init(node: victim.node), allowsDedup: false)
            )
        }
        let names = victims.map(\.node)
        let executing: SQL = """
            SELECT DISTINCT session FROM work_queue WHERE state = 'executing' AND worker_node IN (\(list: names))
            """
        try await eventually("they run what they were given") {
            try await cluster.database.withSession { try $0.query(executing).count } == count
        }
        let sessions = try await cluster.database.withSession { session in
            try session.query(executing).map { try $0.only(SessionID.self) }
        }
        for victim in victims {
            await victim.worker.sessionDatabase.close()
            await victim.database.close()
        }
        return sessions
    }

    func isAnyUndead(of sessions: [SessionID]) async throws -> Bool {
        try await cluster.count(
            "SELECT COUNT(*) FROM sessions WHERE dead = FALSE AND id IN (\(list: sessions))"
        ) > 0
    }

    func isAnyExecuting(under sessions: [SessionID]) async throws -> Bool {
        try await cluster.count(
            "SELECT COUNT(*) FROM work_queue WHERE state = 'executing' AND session IN (\(list: sessions))"
        ) > 0
    }
}
