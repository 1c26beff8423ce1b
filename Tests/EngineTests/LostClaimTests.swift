import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Claims that a database has lost, as a replica that was promoted without the last commits, or a backup of before.
@Suite(.timeLimit(.minutes(15))) struct LostClaimTests {
    private let task = BuiltInTask.networkRemoveDHCPLease

    @Test func `a run whose claim the database has lost is interrupted, and its target is another worker's`()
        async throws
    {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            let id = try await cluster.enqueueExclusive(task)
            let (first, second, isHeld) = (EffectLog(), EffectLog(), Locked(true))
            let endless = RecordingHandler(task.definition, log: first, course: { _ in .hang })
            let held = RecordingHandler(
                task.definition,
                log: second,
                wanted: { _ in
                    try await eventually("it may end") { !isHeld.value }
                    return nil
                }
            )
            // One slot: what h1 runs keeps it from claiming again. The lease outlasts the pauses of a busy machine: a
            // worker that loses its session begins anew, and could.
            let (lease, renew) = (Duration.seconds(20), Duration.seconds(1))
            let h1 = try cluster.liveWorker("h1", handlers: [endless], slots: 1, lease: lease, renew: renew)
            let h2 = try cluster.liveWorker("h2", handlers: [held], slots: 1, lease: lease, renew: renew)
            try await cluster.withWorkers([h1]) {
                try await eventually("h1 runs it") { first.effects.count == 1 }
                try await cluster.loseClaim(of: id)
                try await cluster.withWorkers([h2]) {
                    try await eventually("h2 runs it") { second.effects.count == 1 }
                    // h2's run goes on, so nothing but the comparison can have ended h1's.
                    try await eventually("h1's run is over") { first.effects.first?.outcome != nil }
                    #expect(first.effects.first?.wasCancelled == true && first.effects.count == 1)
                    let (begun, end) = (second.effects[0].start, try #require(first.effects[0].end))
                    print("MEASURED: both ran for \((end - begun) / renew) renewals")
                    #expect(try await cluster.operation(id).worker?.node.description == "h2", "h1 reported nothing")
                    let before = try await cluster.renewals(of: "h2")
                    try await eventually("h2 has compared thrice") {
                        try await cluster.renewals(of: "h2") > before + 3
                    }
                    #expect(second.effects.first?.wasCancelled == false)
                    isHeld.update { $0 = false }
                    #expect(try await cluster.end(of: id).worker?.node.description == "h2")
                }
                #expect(try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") >= 1)
            }
        }
    }

    /// The replica has the operation and the worker's session, and no claim.
    @Test func `a run whose claim was not replicated is interrupted once the replica is promoted`() async throws {
        let servers = try (1...2).map { number in
            try PrivateServer(
                port: freePort(),
                options: ["--log-bin=log", "--binlog-format=ROW", "--server-id=\(number)", "--read-only=\(number - 1)"]
            )
        }
        defer { for server in servers { server.destroy() } }
        let (primary, replica) = (servers[0], servers[1])
        let hosts = servers.compactMap(\.port).map { ConnectionConfiguration.Host(name: "127.0.0.1", port: $0) }
        // The user may not write to a server that is read-only, which root may.
        _ = try primary.client(
            """
            CREATE USER app@'%'; GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION;
            REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM app@'%'
            """
        )
        _ = try replica.client(
            """
            CHANGE MASTER TO master_host = '127.0.0.1', master_port = \(hosts[0].port), master_user = 'app',
                master_use_gtid = slave_pos;
            START SLAVE
            """
        )
        let all = ConnectionConfiguration(endpoint: .hosts(hosts), user: "app")
        try await withCluster(at: all) { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            let id = try await cluster.enqueueExclusive(task)
            try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6) + INTERVAL 1 HOUR")
            let (first, second) = (EffectLog(), EffectLog())
            let (lease, renew) = (Duration.seconds(20), Duration.seconds(1))
            @Sendable func worker(_ node: String, _ log: EffectLog) throws -> Worker {
                let endless = RecordingHandler(task.definition, log: log, course: { _ in .hang })
                return try cluster.liveWorker(node, handlers: [endless], slots: 1, lease: lease, renew: renew)
            }
            try await cluster.withWorkers([try worker("h1", first)]) {
                let schema = try #require(cluster.configuration.schema)
                try await eventually("the replica has it, and the session") {
                    let rows = try? replica.client(
                        """
                        SELECT (SELECT COUNT(*) FROM \(schema).work_queue WHERE ready_at > NOW(6) + INTERVAL 30 MINUTE)
                            + (SELECT COUNT(*) FROM \(schema).sessions)
                        """
                    )
                    return rows?.hasPrefix("2") ?? false
                }
                _ = try replica.client("STOP SLAVE SQL_THREAD")
                try await cluster.makeReady()
                try await eventually("h1 runs it") { first.effects.count == 1 }
                primary.kill()
                _ = try replica.client(
                    """
                    STOP SLAVE; RESET SLAVE ALL; UPDATE \(schema).work_queue SET ready_at = NOW(6);
                    SET GLOBAL read_only = 0
                    """
                )
                try await cluster.withWorkers([try worker("h2", second)]) {
                    try await eventually("h2 runs it") { second.effects.count == 1 }
                    try await eventually("h1's run is over") { first.effects.first?.outcome != nil }
                    #expect(first.effects.count == 1 && first.effects[0].wasCancelled)
                    let (begun, end) = (second.effects[0].start, try #require(first.effects[0].end))
                    print("MEASURED: after a promotion both ran for \((end - begun) / renew) renewals")
                    // It is two renewals; what else ends such a run takes several leases.
                    #expect(end - begun < lease / 2)
                    #expect(try await cluster.operation(id).worker?.node.description == "h2")
                }
            }
        }
    }

    @Test func `a worker that takes an operation again whose claim was lost begins once its first run is over`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let id = try await cluster.enqueueExclusive(task)
            let handler = StubbornHandler(definition: task.definition)
            let worker = try cluster.liveWorker("h1", handlers: [handler], slots: 2, lease: .seconds(5))
            try await cluster.withWorkers([worker]) {
                // A worker does not end before what it runs, also where the test has failed.
                defer { handler.release() }
                try await eventually("it runs") { handler.events == [.began] }
                try await cluster.loseClaim(of: id)
                try await eventually("it is claimed again, and the first run told to stop") {
                    try await cluster.operation(id).state == .executing && handler.events.last == .wasInterrupted
                }
                let before = try await cluster.renewals(of: "h1")
                try await eventually("two more snapshots were compared") {
                    try await cluster.renewals(of: "h1") > before + 3
                }
                #expect(handler.events == [.began, .wasInterrupted])
                handler.release()
                let ended = try await cluster.end(of: id)
                #expect(ended.state == .complete && ended.deliveries == 1 && ended.failures == 0)
                #expect(handler.events == [.began, .wasInterrupted, .ended, .began, .ended])
            }
        }
    }

    @Test func `under load, with renewals as often as they can be, nothing that runs is interrupted`() async throws {
        try await withCluster(connections: 12) { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            let noop = BuiltInTask.noop
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop.name]), count: 600)
            let log = EffectLog()
            // A run that spans some renewals, which come every 20 ms while the lease is long.
            let handler = RecordingHandler(
                noop.definition,
                log: log,
                course: { _ in .succeed(after: .milliseconds(30)) }
            )
            let workers = try ["h1", "h2"].map { node in
                try cluster.liveWorker(node, handlers: [handler], slots: 8, renew: .milliseconds(20))
            }
            try await cluster.withWorkers(workers) {
                try await eventually("all have ended") {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 600
                }
            }
            #expect(log.effects.count == 600 && !log.effects.contains(where: \.wasCancelled))
            #expect(try await cluster.count("SELECT CAST(MAX(deliveries) AS SIGNED) FROM finished_operations") == 1)
        }
    }
}

extension TestCluster {
    fileprivate func enqueueExclusive(_ task: BuiltInTask) async throws -> OperationID {
        try await addNetwork("blue")
        let target = OperationRequest.Target(network: try NetworkName("blue"))
        return try await queue.enqueue(OperationRequest(tasks: [task.name], target: target)).uuid
    }

    /// Makes a claimed operation's row what it was before the claim, in one commit, as a promoted replica has it.
    fileprivate func loseClaim(of id: OperationID) async throws {
        try await database.withTransaction { transaction in
            try TargetStatements.free(by: [id], in: transaction)
            _ = try transaction.execute(
                """
                UPDATE work_queue
                SET state = 'queued', session = NULL, worker_node = NULL, worker_pid = NULL,
                    claimed_at = NULL, started_at = NULL, waited = 0, deliveries = deliveries - 1
                WHERE id = \(id)
                """
            )
        }
    }

    fileprivate func renewals(of node: String) async throws -> Int {
        try await count("SELECT CAST(MAX(renewals) AS SIGNED) FROM sessions WHERE node_name = \(node)")
    }
}

/// A handler whose first run does not end when it is told to, but when it is released.
private final class StubbornHandler: TaskHandler {
    enum Event: Hashable {
        case began
        case wasInterrupted
        case ended
    }

    let definition: TaskDefinition
    private let log = Locked<[Event]>([])
    private let held = Locked<CheckedContinuation<Void, Never>?>(nil)

    init(definition: TaskDefinition) {
        self.definition = definition
    }

    var events: [Event] { log.value }

    /// Lets the first run end, once it has begun; another call does nothing.
    func release() { held.update { $0.take() }?.resume() }

    func run(_ attempt: Attempt) async -> TaskOutcome {
        let isFirst = log.update { log in
            log.append(.began)
            return log.count == 1
        }
        if isFirst {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in held.update { $0 = continuation } }
            } onCancel: {
                log.update { $0.append(.wasInterrupted) }
            }
        }
        log.update { $0.append(.ended) }
        return isFirst ? .interrupted : .done(result: nil)
    }
}
