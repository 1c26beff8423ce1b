import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB

/// Real `queueworker` processes on a test's cluster, with tasks that are shell scripts.
struct Workers: Sendable {
    /// Short, so that a death is noticed soon; the figures of the design scale with it.
    static let lease: Duration = .seconds(2)
    static let renew = "500ms"

    let directory: String
    private let environment: [String: String]
    /// Kept, because a program ends with its last reference.
    private let started = Locked<[RunningProgram]>([])

    /// A file that the scripts know as `$0`.
    var scratchPath: String { "\(directory)/scratch" }

    /// What the scripts have written.
    var scratch: String { (try? String(contentsOfFile: scratchPath, encoding: .utf8)) ?? "" }

    init(
        _ configuration: ConnectionConfiguration,
        tasks: [String: String],
        timeout: String,
        attempts: Int = 1,
        poll: String,
        lease: Duration,
        renew: String
    ) throws {
        directory = try PrivateServer.shared.directory.scratch()
        var file = "tasks:\n"
        for (name, script) in tasks {
            let quoted = String(decoding: try JSONEncoder().encode(script), as: UTF8.self)
            file += "  \(name): {command: [\"/bin/bash\", \"-c\", \(quoted), \"\(directory)/scratch\"], "
            file += "timeout: \(timeout), max_attempts: \(attempts)}\n"
        }
        let path = "\(directory)/config.yaml"
        try (tasks.isEmpty ? "{}" : file).write(toFile: path, atomically: true, encoding: .utf8)
        environment = try Self.environment(configuration, poll: poll, lease: lease, renew: renew).merging([
            "CLUSTEROPS_CONFIG": path
        ]) { _, own in
            own
        }
    }

    static func environment(
        _ configuration: ConnectionConfiguration,
        poll: String,
        lease: Duration = lease,
        renew: String = renew
    ) throws -> [String: String] {
        guard case .socket(let socket) = configuration.endpoint, let schema = configuration.schema else {
            throw ClusterOpsError(.invalid, "the test's server has a socket and a schema")
        }
        return [
            "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_NAME": schema,
            "CLUSTEROPS_DATABASE_USER": "root", "CLUSTEROPS_WORKER_POLL_INTERVAL": poll,
            "CLUSTEROPS_SESSION_LEASE": lease.text, "CLUSTEROPS_SESSION_RENEW": renew,
            "CLUSTEROPS_NODE_UNDERLAY_ADDRESS": "127.0.0.1", "CLUSTEROPS_HTTP_QUEUEWORKER": "off",
        ]
    }

    /// Starts a worker of a node.
    @discardableResult
    func start(_ node: String) async throws -> RunningProgram {
        try await start(program: "queueworker", ["run", "--node", node])
    }

    /// Starts a command of the operator's against the same cluster, whose output is kept.
    func printing(_ arguments: String...) async throws -> SupervisedChild {
        try await SupervisedChild.start(
            ChildSpecification(
                executable: try BuiltProduct.path("clusterctl"),
                arguments: arguments,
                environment: environment.merging(["PATH": ChildSpecification.standardPath]) { own, _ in own },
                standardOutput: .collect(limit: 1 << 20, keeping: .head),
                standardError: .collect(limit: 1 << 20, keeping: .head)
            )
        )
    }

    /// Starts one of our programs with the workers' configuration.
    func start(program name: String, _ arguments: [String]) async throws -> RunningProgram {
        let program = try await RunningProgram(name, arguments, environment: environment)
        started.update { $0.append(program) }
        return program
    }
}

/// Gives a test a cluster of two nodes, and workers to start on it.
func withWorkers(
    tasks: [String: String],
    timeout: String = "60s",
    attempts: Int = 1,
    poll: String = "100ms",
    lease: Duration = Workers.lease,
    renew: String = Workers.renew,
    connections: Int = 8,
    on server: PrivateServer? = nil,
    _ body: @Sendable (TestCluster, Workers) async throws -> Void
) async throws {
    try await withCluster(connections: connections, on: server) { cluster in
        try await cluster.addNode("h1")
        try await cluster.addNode("h2")
        let workers = try Workers(
            cluster.configuration,
            tasks: tasks,
            timeout: timeout,
            attempts: attempts,
            poll: poll,
            lease: lease,
            renew: renew
        )
        defer { try? FileManager.default.removeItem(atPath: workers.directory) }
        try await body(cluster, workers)
    }
}

extension TestCluster {
    /// Enqueues, and rings whoever can do it.
    var ringingQueue: ClusterEngine.OperationQueue {
        let sender = DoorbellSender(logger: .silent)
        let waker = DoorbellWaker(database: database, sender: sender)
        return ClusterEngine.OperationQueue(database: database, requester: "test", counters: counters, waker: waker)
    }

    /// Enqueues a command task once a worker has registered it.
    func enqueueEventually(
        _ task: String,
        parameters: String? = nil,
        with queue: ClusterEngine.OperationQueue? = nil
    ) async throws -> OperationID {
        try await eventually("\(task) is registered") {
            try await count("SELECT COUNT(*) FROM registered_tasks WHERE name = \(task)") > 0
        }
        let request = OperationRequest(tasks: [try TaskName(task)], parameters: parameters)
        return try await (queue ?? self.queue).enqueue(request).uuid
    }

    /// Waits until an operation has ended.
    func end(of id: OperationID) async throws -> ClusterModel.Operation {
        try await eventually("operation \(id) ends") { try await operation(id).state.isTerminal }
        return try await operation(id)
    }
}

/// The processes of this machine, as /proc shows them.
///
/// PID 1 of a container may not reap: a zombie is not alive.
enum ProcessTable {
    static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let state = stat.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z" && state != "X"
    }

    /// The command lines of all living processes.
    static func commands() -> [String] {
        ProcFile.commandLines().filter { isAlive($0.pid) }.map { $0.text.replacing("\0", with: " ") }
    }
}
