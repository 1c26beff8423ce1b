import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime

/// The status according to the rows seen so far.
struct StatusDraft {
    private enum Subject: String {
        case now, leader, queue, lane, wait, pauses, nodes, session, networks, problems, processes
    }

    private var now = Timestamp(microseconds: 0)
    private var leader = LeaderView(
        name: ElectedLease.networkNode,
        holder: nil,
        term: 0,
        expiresInSeconds: nil
    )
    private var lanes = Dictionary(uniqueKeysWithValues: Lane.allCases.map { ($0, LaneStatus(lane: $0)) })
    private var oldest: [Lane: Timestamp] = [:]
    private var waits: [Lane: WaitHistogram] = [:]
    private var cappedQueues: Set<Lane> = []
    private var inNodes = 0
    private var pauses = 0
    private var nodes = NodesStatus(total: 0, live: 0, draining: 0, silent: [])
    private var sessions: [SessionsStatus] = []
    private var networks = (total: 0, converged: 0, behind: [NetworkName]())
    private var problems = 0
    private var processes = ProcessesStatus(total: 0, running: 0, unhealthy: 0, stale: 0, first: [])

    /// Takes a row; returns whether it was one of the status.
    mutating func take(_ row: StatusRow) throws -> Bool {
        guard let subject = Subject(rawValue: row.subject) else { return false }
        do {
            try add(subject, row)
        } catch let error as ValueError {
            throw ClusterOpsError(.internalFailure, "a row of the status cannot be decoded: \(error)")
        }
        return true
    }

    private mutating func add(_ subject: Subject, _ row: StatusRow) throws {
        switch subject {
        case .now: now = row.at ?? now
        case .leader:
            leader = LeaderView(
                name: ElectedLease.networkNode,
                holder: try row.name.map { try NodeName($0) },
                term: row.a,
                expiresInSeconds: row.name == nil ? nil : Double(row.b) / 1_000_000
            )
        case .queue, .lane:
            count(
                try Self.lane(of: row),
                (row.a, row.b, row.c, row.d ?? 0),
                walked: row.e,
                oldest: row.at,
                isShared: subject == .queue
            )
        case .wait: waits[try Self.lane(of: row), default: WaitHistogram()].add(row.b, of: row.a, longest: Int64(row.c))
        case .pauses: pauses = row.a
        case .nodes:
            nodes = NodesStatus(total: row.a, live: row.b, draining: row.c, silent: try Self.names(row.name))
        case .session: sessions.append(SessionsStatus(daemon: row.name ?? "", live: row.a, expired: row.b))
        case .networks: networks = (row.a, row.b, try Self.names(row.name))
        case .problems: problems = row.a
        case .processes:
            let first = (row.name ?? "").split(separator: ",").map(String.init)
            processes = ProcessesStatus(
                total: row.a,
                running: row.b,
                unhealthy: row.c,
                stale: row.d ?? 0,
                first: first
            )
        }
    }

    private static func lane(of row: StatusRow) throws(ValueError) -> Lane { try Lane(row.name ?? "") }

    private mutating func count(
        _ lane: Lane,
        _ counts: (Int, Int, Int, Int),
        walked: Int,
        oldest at: Timestamp?,
        isShared: Bool
    ) {
        lanes[lane]?.queued += counts.0
        lanes[lane]?.delayed += counts.1
        lanes[lane]?.blocked += counts.2
        lanes[lane]?.executing += counts.3
        if let at { oldest[lane] = min(at, oldest[lane] ?? at) }
        if isShared {
            let largest = max(counts.0, counts.1, counts.2, counts.3)
            if largest >= StatusStatements.countedInQueue { cappedQueues.insert(lane) }
        } else {
            inNodes += walked
        }
    }

    private static func names<Name: TextValue>(_ list: String?) throws -> [Name] {
        try (list ?? "").split(separator: " ").map { try Name(String($0)) }
    }

    var view: StatusView {
        let statuses = Lane.allCases.sorted().map { lane in
            var status = lanes[lane] ?? LaneStatus(lane: lane)
            status.capped = cappedQueues.contains(lane) || inNodes >= StatusStatements.countedInNodes
            status.oldestSeconds = oldest[lane].map { now.seconds(since: $0) }
            status.waits = (waits[lane] ?? WaitHistogram()).waits
            return status
        }
        return StatusView(
            seenAt: now,
            leader: leader,
            lanes: statuses,
            pauses: pauses,
            nodes: nodes,
            sessions: sessions.sorted { $0.daemon < $1.daemon },
            networks: NetworksStatus(
                total: networks.total,
                converged: networks.converged,
                problems: problems,
                behind: networks.behind
            ),
            processes: processes
        )
    }
}

extension StatusView {
    /// Adds up the rows of the status.
    init(_ rows: [StatusRow]) throws {
        var draft = StatusDraft()
        for row in rows {
            guard try draft.take(row) else { preconditionFailure("the statement names its subjects") }
        }
        self = draft.view
    }
}
