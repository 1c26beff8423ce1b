import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// The description of an operation in a row.
private struct Described: Codable, Sendable {
    let id: OperationID
    let tasks: [TaskName]
    let queue: QueueName
    let node: NodeName?
    let message: String?

    init?(_ row: StatusRow) {
        guard let name = row.name, let it = try? JSONColumn<Self>(sqlValue: .text(name)).value else { return nil }
        self = it
    }
}

/// The activity according to the rows seen so far.
private struct ActivityDraft {
    private enum Subject: String {
        case rate, running, failure, node
    }

    private var status = StatusDraft()
    private var ended: [(lane: Lane, count: Int, oldest: Timestamp)] = []
    private var running: [ClusterActivity.RunningOperation] = []
    private var failures: [ClusterActivity.FailedOperation] = []
    private var nodes: [(row: StatusRow, name: NodeName)] = []

    mutating func take(_ row: StatusRow) throws {
        if try status.take(row) { return }
        guard let subject = Subject(rawValue: row.subject) else {
            preconditionFailure("the statement names its subjects")
        }
        let (a, b) = (row.a, row.b)
        switch subject {
        case .rate: ended.append((try Lane(row.name ?? ""), a, row.at ?? Timestamp(microseconds: 0)))
        case .running:
            // One row that cannot be decoded must not darken the screen; `op list` names it.
            guard let it = Described(row) else { return }
            running.append(
                ClusterActivity.RunningOperation(
                    id: it.id,
                    tasks: it.tasks,
                    queue: it.queue,
                    node: it.node,
                    seconds: Self.seconds(b),
                    isCancelRequested: a != 0
                )
            )
        case .failure:
            guard let it = Described(row) else { return }
            failures.append(
                ClusterActivity.FailedOperation(
                    id: it.id,
                    state: a != 0 ? .aborted : .error,
                    tasks: it.tasks,
                    queue: it.queue,
                    node: it.node,
                    secondsAgo: Self.seconds(b),
                    message: it.message ?? ""
                )
            )
        case .node: nodes.append((row, try NodeName(row.name ?? "")))
        }
    }

    /// The processes that a node lacks follow from what the whole cluster is for.
    private static func node(_ row: StatusRow, _ name: NodeName, in status: StatusView) -> ClusterActivity.NodeActivity
    {
        let isDraining = row.c != 0
        var missing: [String] = []
        if row.e & 1 == 0, !isDraining { missing.append(DaemonName.queueworker.rawValue) }
        if row.e & 2 == 0, status.networks.total > 0 { missing.append(DaemonName.netnode.rawValue) }
        return ClusterActivity.NodeActivity(
            name: name,
            liveProcesses: row.a,
            running: row.b,
            isDraining: isDraining,
            missing: missing,
            seenSecondsAgo: row.d.map(seconds)
        )
    }

    private static func seconds(_ microseconds: Int) -> Double { Double(microseconds) / 1_000_000 }

    var activity: ClusterActivity {
        let status = status.view
        let counted = ended.reduce(0) { $0 + $1.count }
        // When counting has stopped at its limit, all that was counted ended since the oldest of it.
        let oldest = ended.map(\.oldest).min().map { status.seenAt.seconds(since: $0) }
        let span =
            counted < ActivityStatements.examinedEnds ? Double(ActivityStatements.rateSeconds) : max(oldest ?? 0, 0.001)
        return ClusterActivity(
            status: status,
            endedPerSecond: Dictionary(uniqueKeysWithValues: ended.map { ($0.lane, Double($0.count) / span) }),
            running: running,
            failures: failures,
            nodes: nodes.map { Self.node($0.row, $0.name, in: status) }
        )
    }
}

extension ClusterActivity {
    /// Adds up the rows of the status and of what happens at this moment.
    init(_ rows: [StatusRow]) throws {
        var draft = ActivityDraft()
        for row in rows { try draft.take(row) }
        self = draft.activity
    }
}
