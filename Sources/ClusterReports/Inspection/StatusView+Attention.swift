import ClusterModel
import DatabaseTime

extension StatusView {
    /// Holds what runs against what is wanted; pure.
    init(
        seenAt: Timestamp,
        database: DatabaseStatus,
        leader: LeaderView,
        lanes: [LaneStatus],
        pauses: Int,
        pauseRules: [PauseStatus],
        nodes: NodesStatus,
        sessions: [SessionsStatus],
        networks: NetworksStatus,
        processes: ProcessesStatus
    ) {
        self.seenAt = seenAt
        self.database = database
        self.leader = leader
        self.lanes = lanes
        self.pauses = pauses
        self.pauseRules = pauseRules
        self.nodes = nodes
        self.sessions = sessions
        self.networks = networks
        self.processes = processes
        attention =
            database.attention + Self.attention(networks, isLed: leader.holder != nil)
            + sessions.compactMap(\.attention)
            + nodes.held.map { "\($0) is being drained, and operations wait for it" } + processes.attention
            + pauseRules.map(\.attention)
    }

    /// A cluster without networks needs no elected node.
    private static func attention(_ networks: NetworksStatus, isLed: Bool) -> [String] {
        var sentences: [String] = []
        if !isLed, networks.total > 0 { sentences.append("no network node is elected") }
        if networks.unserved > 0 {
            let named = list(networks.withoutServer, of: networks.unserved)
            sentences.append("no server for \(networks.unserved == 1 ? "network" : "networks") \(named)")
        }
        let others = networks.problems - networks.unserved
        if others > 0 {
            sentences.append("nodes have \(others == 1 ? "1 problem" : "\(others) problems") with networks")
        }
        return sentences
    }

    /// Names, with a count of those that are not listed.
    fileprivate static func list(_ names: [some CustomStringConvertible], of count: Int) -> String {
        let listed = names.map(\.description).joined(separator: " ")
        return count > names.count ? "\(listed) and \(count - names.count) more" : listed
    }
}

extension DatabaseStatus {
    /// For half a minute after an outage it is no fault.
    fileprivate var attention: [String] {
        servers.count > 1 ? ["processes use several database servers: \(used)"] : []
    }

    /// Each server with the number of processes that use it.
    package var used: String { servers.map { "\($0.server) by \($0.processes)" }.joined(separator: ", ") }
}

extension SessionsStatus {
    fileprivate var attention: String? {
        guard present < wanted else { return nil }
        return "no live \(daemon) on \(StatusView.list(missing, of: wanted - present))"
    }
}

extension ProcessesStatus {
    fileprivate var attention: [String] {
        var sentences: [String] = []
        if unhealthy > 0 { sentences.append("unhealthy: \(StatusView.list(first, of: unhealthy))") }
        if stale > 0 {
            sentences.append("\(stale) \(stale == 1 ? "process was" : "processes were") not sampled for 30 s")
        }
        return sentences
    }
}

extension PauseStatus {
    fileprivate var attention: String {
        matches
            ? "queues '\(pattern)' are paused by \(requester): \(reason)"
            : "the pause rule '\(pattern)' of \(requester) matches no queue"
    }
}
