import ClusterModel
import DatabaseTime
import MariaDB

/// The statements that find work for which nobody is there.
extension DoctorStatements {
    /// Operations of one queue that begin with one task and could run now.
    package struct ReadyWork: Sendable, Hashable {
        package let queue: QueueName
        package let task: TaskName
        /// Since when the first of them could.
        package let since: Timestamp

        package init(queue: QueueName, task: TaskName, since: Timestamp) {
            self.queue = queue
            self.task = task
            self.since = since
        }
    }

    /// Queues that one statement looks into.
    private static let probedAtOnce = 20

    /// Reads the tasks of which operations in some queues could run now, by one probe of an index for each queue and
    /// task, however many operations there are.
    ///
    /// (MariaDB does not jump from group to group of this index: `GROUP BY` walks through the whole backlog.)
    package static func readyWork(in queues: [QueueName], on session: borrowing Session) throws -> [ReadyWork] {
        var ready: [ReadyWork] = []
        var rest = queues.map { Probe(queue: $0) }
        while !rest.isEmpty {
            let page = rest.prefix(probedAtOnce)
            rest.removeFirst(page.count)
            for row in try session.query(probeQuery(Array(page))) {
                let (queue, first): (QueueName, String) = (try row.get("queue_name"), try row.get("first_task"))
                rest.append(Probe(queue: queue, after: first))
                // A name that does not parse is of a row that the check of unreadable ones tells of.
                guard try row.get("is_ready", as: Bool.self), let task = try? TaskName(first) else { continue }
                ready.append(ReadyWork(queue: queue, task: task, since: try row.get("ready_at")))
            }
        }
        return ready.sorted { ($0.queue, $0.task) < ($1.queue, $1.task) }
    }

    /// A place in a queue: behind all operations that begin with some task, or with one before it.
    package struct Probe: Sendable {
        let queue: QueueName
        let after: String

        package init(queue: QueueName, after: String = "") {
            self.queue = queue
            self.after = after
        }
    }

    package static func probeQuery(_ probes: [Probe]) -> SQL {
        let branches: [SQL] = probes.map { probe in
            """
            (SELECT queue_name, first_task, ready_at, ready_at <= NOW(6) AS is_ready
            FROM work_queue FORCE INDEX (claim_by_task)
            WHERE queue_name = \(probe.queue) AND state = 'queued' AND first_task > \(probe.after)
            ORDER BY first_task, ready_at LIMIT 1)
            """
        }
        return .joined(branches, separator: " UNION ALL ")
    }

    /// Reads the nodes on which a live queueworker can start each of some command tasks.
    package static func ableNodes(
        for tasks: Set<TaskName>,
        on session: borrowing Session
    ) throws -> [TaskName: Set<NodeName>] {
        guard !tasks.isEmpty else { return [:] }
        let pairs = try session.query(
            """
            SELECT DISTINCT r.name, s.node_name
            FROM registered_tasks AS r JOIN sessions AS s ON s.node = r.node
            WHERE r.name IN (\(list: tasks.sorted())) AND r.obstacle IS NULL
                AND r.session IN (s.id, \(sql: TaskStatements.noSession))
                AND s.daemon = \(DaemonName.queueworker) AND \(sql: LeaseTime.isLive("s."))
            """
        ).map { try $0.decode((TaskName, NodeName).self) }
        return Dictionary(grouping: pairs, by: \.0).mapValues { Set($0.map(\.1)) }
    }

    /// Returns whether there is a network, which needs netnodes and an elected one.
    package static func hasNetworks(on session: borrowing Session) throws -> Bool {
        try session.query("SELECT EXISTS (SELECT 1 FROM networks)")[0].only()
    }

    /// A live process with its doorbell.
    package struct Bell: Sendable, Hashable {
        package let address: HostPort
        package let node: NodeName
        package let daemon: String
        package let pid: Int

        package init(address: HostPort, node: NodeName, daemon: String, pid: Int) {
            self.address = address
            self.node = node
            self.daemon = daemon
            self.pid = pid
        }
    }

    /// Reads the doorbells of live processes; one that does not parse is nobody's.
    package static func bells(on session: borrowing Session) throws -> [Bell] {
        try session.query(
            """
            SELECT doorbell, node_name, daemon, pid FROM sessions
            WHERE doorbell IS NOT NULL AND \(sql: LeaseTime.isLive()) ORDER BY node_name, daemon
            """
        ).compactMap { row in
            guard let address = try? HostPort(row.get("doorbell", as: String.self)) else { return nil }
            return Bell(
                address: address,
                node: try row.get("node_name"),
                daemon: try row.get("daemon"),
                pid: try row.get("pid")
            )
        }
    }
}
