import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// A migrated schema of the test's own, with what a test of the engine needs to put in and take out.
public struct TestCluster: Sendable {
    /// A pool on the schema.
    public let database: Database
    /// The configuration of connections beside the pool.
    public let configuration: ConnectionConfiguration
    /// The counters that `queue` counts into.
    package let counters: CoalescingCounters

    /// Takes a pool on a schema, migrated or to be migrated.
    package init(database: Database, configuration: ConnectionConfiguration, counters: CoalescingCounters) {
        self.database = database
        self.configuration = configuration
        self.counters = counters
    }

    /// Enqueues as the requester `test`, waking nobody.
    public var queue: OperationQueue {
        OperationQueue(database: database, requester: "test", counters: counters, waker: NoWaker())
    }

    /// Adds a node with both roles.
    @discardableResult
    public func addNode(_ name: String) async throws -> NodeID {
        let id = NodeID.new()
        let name = try NodeName(name)
        try await database.withSession { session in
            let count = try session.query("SELECT COUNT(*) FROM nodes")[0].only(Int.self)
            let address = IPv4Address(rawValue: 0x0a00_0001 + UInt32(count))
            try session.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                VALUES (\(id), \(name), \(address), TRUE, TRUE)
                """
            )
        }
        return id
    }

    /// Adds a network 10.9.0.0/24.
    @discardableResult
    public func addNetwork(_ name: String) async throws -> NetworkID {
        let id = NetworkID.new()
        let name = try NetworkName(name)
        try await database.withSession { session in
            let count = try session.query("SELECT COUNT(*) FROM networks")[0].only(Int.self)
            try session.execute(
                """
                INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
                VALUES (\(id), \(name), \(100 + count), '10.9.0.0/24', 1450, TRUE, TRUE)
                """
            )
        }
        return id
    }

    /// Registers command tasks on a node that is added for it.
    public func register(_ tasks: String..., coalescible: Bool = false, attempts: Int = 3) async throws {
        let node = try await addNode("registrar-\(UInt32.random(in: 0 ... .max))")
        let definitions = try tasks.map {
            TaskDefinition(
                name: try TaskName($0),
                kind: .command,
                isCoalescible: coalescible,
                maximumAttempts: attempts,
                timeout: .seconds(60)
            )
        }
        try await database.withTransaction { transaction in
            try TaskStatements.register(definitions, node: node, session: .new(), in: transaction)
        }
    }

    /// A worker that can run every built-in task and some command tasks, on given queues.
    package func worker(
        _ node: String = "h1",
        queues: [String] = [],
        commands: [String] = [],
        coalescible: Bool = false,
        stalenessBound: Duration = .seconds(60)
    ) throws -> TestWorker {
        let targets: [QueueTarget] =
            queues.isEmpty
            ? [.networkNode, .nodeNetwork(try NodeName(node)), .node(try NodeName(node)), .any] : []
        let names = queues.isEmpty ? QueueName.claimOrder(targets: targets) : try queues.map { try QueueName($0) }
        let definitions =
            BuiltInTask.allCases.map(\.definition)
            + (try commands.map {
                TaskDefinition(
                    name: try TaskName($0),
                    kind: .command,
                    isCoalescible: coalescible,
                    maximumAttempts: 3,
                    timeout: .seconds(60)
                )
            })
        return TestWorker(
            claiming: Claiming(
                database: database,
                runnable: definitions,
                stalenessBound: stalenessBound
            ),
            queues: names,
            settling: Settling(database: database),
            identity: WorkerIdentity(session: .new(), node: try NodeName(node), nodeID: .new(), pid: 1),
            database: database
        )
    }

    /// Reads one operation, which must exist.
    public func operation(_ id: OperationID) async throws -> Operation {
        let found = try await database.withSession { session in
            try OperationStatements.operations([id], on: session)
        }
        guard let operation = found.first else { throw ClusterOpsError(.notFound, "there is no operation \(id)") }
        return operation
    }

    /// Counts the rows of a query.
    public func count(_ query: SQL) async throws -> Int {
        try await database.withSession { try $0.query(query)[0].only(Int.self) }
    }

    /// Runs a statement beside the engine.
    public func execute(_ statement: SQL) async throws {
        try await database.withSession { _ = try $0.execute(statement) }
    }
}

/// A worker process without a process: claims and settles under an identity of its own.
package struct TestWorker: Sendable {
    package var claiming: Claiming
    package let queues: [QueueName]
    package let settling: Settling
    /// With its node's id once it has joined.
    package private(set) var identity: WorkerIdentity
    private let database: Database
    private var hasJoined = false

    fileprivate init(
        claiming: Claiming,
        queues: [QueueName],
        settling: Settling,
        identity: WorkerIdentity,
        database: Database
    ) {
        self.claiming = claiming
        self.queues = queues
        self.settling = settling
        self.identity = identity
        self.database = database
    }

    /// Works on the node of its name from now on, which is added if it is not there; a node without it takes nothing.
    package mutating func join() async throws {
        let (name, new) = (identity.node, identity.nodeID)
        let id = try await database.withSession { session in
            let count = try session.query("SELECT COUNT(*) FROM nodes")[0].only(Int.self)
            // Far from the addresses that tests give by themselves; unique also where several join at once.
            let address = IPv4Address(rawValue: 0x0a80_0000 + UInt32(count) << 12 + UInt32.random(in: 0..<4096))
            try session.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                VALUES (\(new), \(name), \(address), TRUE, TRUE)
                ON DUPLICATE KEY UPDATE name = name
                """
            )
            return try session.query("SELECT id FROM nodes WHERE name = \(name)")[0].only(NodeID.self)
        }
        identity = WorkerIdentity(session: identity.session, node: name, nodeID: id, pid: identity.pid)
        hasJoined = true
    }

    /// Claims, on its node.
    package mutating func claim(_ slots: Int = 10) async throws -> [Claim] {
        if !hasJoined { try await join() }
        return try await claiming.claim(upTo: slots, from: queues, by: identity)
    }

    /// Reports on claims, all alike, until each is settled or no longer ours.
    @discardableResult
    package func settle(_ claims: [Claim], _ report: AttemptReport) async throws -> Settling.Result {
        var entries = claims.map {
            Settling.Entry(id: $0.operation.id, delivery: $0.operation.deliveries, report: report)
        }
        var result = try await settling.settle(entries, of: identity.session)
        while !result.locked.isEmpty {
            try Task.checkCancellation()
            entries.removeAll { !result.locked.contains($0.id) }
            result.locked = []
            result.merge(try await settling.settle(entries, of: identity.session))
        }
        return result
    }

    /// Claims and completes until nothing is left; returns what was executed, in order.
    package mutating func drain() async throws -> [Operation] {
        var executed: [Operation] = []
        while true {
            try Task.checkCancellation()
            let claims = try await claim()
            if claims.isEmpty { return executed }
            executed += claims.map(\.operation)
            try await settle(claims, .succeeded(result: nil))
        }
    }
}

/// Gives a test a migrated schema of its own.
///
/// - Parameters:
///   - connections: How many the pool may open.
///   - server: Another than the shared one, for tests that kill it.
///   - body: Receives the cluster.
/// - Returns: What `body` returned.
/// - Throws: What `body` threw, or a failure to start the server.
@discardableResult
public func withCluster<Result: Sendable>(
    connections: Int = 8,
    on server: PrivateServer? = nil,
    _ body: @Sendable (TestCluster) async throws -> Result
) async throws -> Result {
    let server = try server ?? PrivateServer.shared
    return try await withCluster(connections: connections, at: server.configuration(), body)
}

/// Gives a test a migrated schema of its own on servers that are reached by a configuration.
@discardableResult
public func withCluster<Result: Sendable>(
    connections: Int = 8,
    at configuration: ConnectionConfiguration,
    _ body: @Sendable (TestCluster) async throws -> Result
) async throws -> Result {
    try await withFreshSchema(connections: connections, at: configuration) { database, configuration in
        try await database.withSession { session in try MigratedSchema.make(on: session) }
        return try await body(
            TestCluster(
                database: database,
                configuration: configuration,
                counters: CoalescingCounters(database: database)
            )
        )
    }
}
