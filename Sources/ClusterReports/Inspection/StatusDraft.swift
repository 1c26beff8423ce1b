import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import Foundation
import MariaDB

/// The status according to the rows seen so far.
struct StatusDraft {
    private enum Subject: String {
        case now, leader, queue, lane, wait, pauses, pause, nodes, held, session, networks, problems, processes
    }

    private var now = Timestamp(microseconds: 0)
    private var database = (server: "", schema: "")
    private var servers: [String: Int] = [:]
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
    private var pauseRules: [PauseStatus] = []
    private var nodes = NodesStatus(total: 0, live: 0, draining: 0, silent: [])
    private var held: [NodeName] = []
    private var missing: [DaemonName: (count: Int, first: [NodeName])] = [:]
    private var processCounts: [DaemonName: (live: Int, expired: Int)] = [:]
    private var networks = (
        total: 0, converged: 0, behind: [NetworkName](), unserved: 0, withoutServer: [NetworkName]()
    )
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
        case .now:
            now = row.at ?? now
            let words = (row.name ?? "").split(separator: " ", maxSplits: 1).map(String.init)
            database = (words.first ?? "", words.dropFirst().first ?? "")
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
        case .pause: if let rule = try PauseStatus(row) { pauseRules.append(rule) }
        case .nodes:
            let lists = Self.lists(row.name)
            nodes = NodesStatus(total: row.a, live: row.b, draining: row.c, silent: try Self.names(lists[0]))
            missing[.queueworker] = (row.d ?? 0, try Self.names(lists[1]))
            missing[.netnode] = (row.e, try Self.names(lists[2]))
        case .held: held = try Self.names(row.name)
        case .session:
            let words = (row.name ?? "").split(separator: StatusStatements.listSeparator, maxSplits: 1).map(String.init)
            if words.count > 1, row.a > 0 { servers[words[1], default: 0] += row.a }
            guard let daemon = words.first.flatMap(DaemonName.init(rawValue:)) else { break }
            let counts = processCounts[daemon] ?? (0, 0)
            processCounts[daemon] = (counts.live + row.a, counts.expired + row.b)
        case .networks:
            let lists = Self.lists(row.name)
            networks = (row.a, row.b, try Self.names(lists[0]), row.c, try Self.names(lists[1]))
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

    /// The lists of a row, each of which may be empty.
    private static func lists(_ name: String?) -> [String] {
        (name ?? "").components(separatedBy: StatusStatements.listSeparator)
    }

    /// The processes of a daemon beside the nodes that are to have it.
    private func sessions(_ daemon: DaemonName) -> SessionsStatus {
        let wanted =
            switch daemon {
            case .queueworker: nodes.total - nodes.draining
            case .netnode: networks.total > 0 ? nodes.total : 0
            }
        let missing = wanted > 0 ? self.missing[daemon] : nil
        let counts = processCounts[daemon] ?? (0, 0)
        return SessionsStatus(
            daemon: daemon.rawValue,
            live: counts.live,
            expired: counts.expired,
            wanted: wanted,
            present: wanted - (missing?.count ?? 0),
            missing: missing?.first ?? []
        )
    }

    var view: StatusView {
        let statuses = Lane.allCases.sorted().map { lane in
            var status = lanes[lane] ?? LaneStatus(lane: lane)
            status.capped = cappedQueues.contains(lane) || inNodes >= StatusStatements.countedInNodes
            status.oldestSeconds = oldest[lane].map { now.seconds(since: $0) }
            status.waits = (waits[lane] ?? WaitHistogram()).waits
            return status
        }
        var nodes = nodes
        nodes.held = held
        return StatusView(
            seenAt: now,
            database: DatabaseStatus(
                server: database.server,
                schema: database.schema,
                servers: servers.sorted { $0.key < $1.key }.prefix(StatusStatements.named).map { server, processes in
                    ServerStatus(server: server, processes: processes)
                }
            ),
            leader: leader,
            lanes: statuses,
            pauses: pauses,
            pauseRules: pauseRules,
            nodes: nodes,
            sessions: [sessions(.netnode), sessions(.queueworker)],
            networks: NetworksStatus(
                total: networks.total,
                converged: networks.converged,
                problems: problems + networks.unserved,
                behind: networks.behind,
                unserved: networks.unserved,
                withoutServer: networks.withoutServer
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

extension PauseStatus {
    private struct Rule: Codable, Sendable {
        let pattern: String
        let reason: String
        let requester: String
    }

    /// Reads a row; nil for one that tells no rule.
    fileprivate init?(_ row: StatusRow) throws {
        guard let name = row.name, let pausedAt = row.at else { return nil }
        let rule = try JSONColumn<Rule>(sqlValue: .text(name)).value
        self.init(
            pattern: rule.pattern,
            reason: rule.reason,
            requester: rule.requester,
            pausedAt: pausedAt,
            matches: row.a != 0
        )
    }
}
