import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension DoctorCheck {
    static let sessions = DoctorCheck(
        "sessions",
        "every node has its daemons, each once, and the dead are noticed",
        .critical
    ) { session in
        findings(
            of: try DoctorStatements.nodeSessions(on: session),
            hasNetworks: try DoctorStatements.hasNetworks(on: session)
        )
    }

    /// Judges processes; pure.
    ///
    /// A node that takes no new work needs no queueworker, and a cluster without networks no netnodes.
    static func findings(of nodes: [NodeSessions], hasNetworks: Bool) -> [FindingView] {
        var findings: [FindingView] = []
        func tell(
            _ filter: (NodeSessions) -> Bool,
            _ what: String,
            _ remedy: (String) -> String
        ) {
            let found = nodes.filter(filter)
            guard !found.isEmpty else { return }
            let named = list(found.map(\.node))
            findings.append(
                FindingView("\(found.count == 1 ? named : "each of \(named)") \(what)", remedy: remedy(named))
            )
        }
        tell({ $0.workers == 0 && !$0.isDraining }, "has no live queueworker") {
            "on \($0): systemctl start clusterops-queueworker"
        }
        tell({ $0.networkDaemons == 0 && hasNetworks }, "has no live netnode") {
            "on \($0): systemctl start clusterops-netnode"
        }
        for node in nodes where node.workers > 1 || node.networkDaemons > 1 {
            findings.append(
                FindingView(
                    "\(node.node) has two live processes of one daemon: \(node.living)",
                    remedy:
                        "look for '--node \(node.node)' or node.name \(node.node) on other hosts, as in a "
                        + "configuration that was copied; on \(node.node), stop the one that systemd does not know"
                )
            )
        }
        tell({ $0.unnoticed > 0 }, "has a session that expired over a minute ago and was not marked dead") { _ in
            "start queueworker or netnode on any node: each finds dead sessions"
        }
        tell({ $0.withoutDoorbell > 0 }, "has a process that cannot be rung, so that its work waits for a slow poll") {
            "on \($0): see the daemon's log lines 'listening for doorbells' and 'the doorbell cannot listen', and "
                + "doorbell.listen in its configuration"
        }
        return findings
    }

    static let servers = DoctorCheck("servers", "all daemons use the same database server") { session in
        findings(ofServers: try DoctorStatements.servers(on: session))
    }

    /// Judges the servers that daemons use, each with some of its nodes; pure.
    static func findings(ofServers servers: [(name: String, nodes: [NodeName])]) -> [FindingView] {
        guard servers.count > 1 else { return [] }
        let named = servers.map { "\($0.name) by \(list($0.nodes))" }.joined(separator: ", ")
        return [
            FindingView(
                "several database servers are used: \(named)",
                remedy:
                    "for half a minute after an outage of a server that is normal; after that, give database.hosts the "
                    + "same order on all nodes, and see from each whether it reaches the first of them"
            )
        ]
    }

    static let lease = DoctorCheck("lease", "a network node is elected, if one may be", .critical) { session in
        let candidates = try NetworkStatements.networkNodes(on: session)
        guard try LeaseStatements.leader(ElectedLease.networkNode, on: session)?.holder == nil,
            // A cluster without networks is one that only runs operations.
            try DoctorStatements.hasNetworks(on: session)
        else { return [] }
        let nodes = try DoctorStatements.nodeSessions(on: session)
        return findings(withoutLeader: nodes.filter { candidates.contains($0.node) })
    }

    /// Judges a cluster in which none of the nodes that may be elected is; pure.
    static func findings(withoutLeader candidates: [NodeSessions]) -> [FindingView] {
        guard !candidates.isEmpty else { return [] }
        func named(_ filter: (NodeSessions) -> Bool) -> String? {
            let nodes = candidates.filter(filter).map(\.node)
            return nodes.isEmpty ? nil : list(nodes)
        }
        // One that is drained is not elected, however well it runs.
        let running = named { !$0.isDraining && $0.networkDaemons > 0 }
        let drained = candidates.filter { $0.isDraining && $0.networkDaemons > 0 }.map(\.node).min()
        let stopped = named { !$0.isDraining && $0.networkDaemons == 0 }
        let remedies = [
            running.map { "on \($0): see netnode's log lines 'elected' and 'the lease cannot be read'" },
            running == nil ? drained.map { "clusterctl node undrain \($0)" } : nil,
            stopped.map { "on \($0): systemctl start clusterops-netnode" },
        ].compactMap(\.self)
        let isDrained = candidates.allSatisfy(\.isDraining)
        return [
            FindingView(
                "no network node is elected: networks are not served and operations of 'networknode' wait"
                    + (isDrained ? "; every network node is being drained" : ""),
                remedy: remedies.isEmpty
                    ? "clusterctl node undrain \(candidates[0].node), and start netnode on it"
                    : remedies.joined(separator: "; or ")
            )
        ]
    }

    static let tasks = DoctorCheck("tasks", "a task is the same on every node, and can be started there") { session in
        let conflicts = try TaskStatements.conflicting(limit: mostTold, on: session).map { task in
            FindingView(
                "task '\(task)' is defined differently: "
                    + words(for: try TaskStatements.definers(of: task, on: session)),
                remedy: "make tasks.\(task) equal in all configurations, and restart their queueworkers"
            )
        }
        return conflicts + findings(of: try TaskStatements.obstacles(on: session))
    }

    /// The definitions of a task, each with the nodes that have it.
    private static func words(for definers: [(node: NodeName, definition: TaskDefinition)]) -> String {
        let groups = Dictionary(grouping: definers, by: \.definition).sorted {
            $0.value[0].node < $1.value[0].node
        }
        return groups.map { definition, members in
            let coalescible = definition.isCoalescible ? "coalescible" : "not coalescible"
            return
                "on \(list(members.map(\.node))) \(coalescible), max_attempts \(definition.maximumAttempts), timeout "
                + definition.timeout.text
        }.joined(separator: "; ")
    }

    /// Judges what keeps nodes from starting tasks; pure.
    ///
    /// Nodes that have the same obstacle are told of together.
    static func findings(of obstacles: [NodeObstacle]) -> [FindingView] {
        struct Kind: Hashable {
            let task: TaskName
            let reason: String
        }
        let kinds = Dictionary(grouping: obstacles) { Kind(task: $0.task, reason: $0.reason) }
        return kinds.sorted { ($0.key.task, $0.key.reason) < ($1.key.task, $1.key.reason) }.map { kind, found in
            let nodes = list(found.map(\.node))
            let since = found.map(\.since).min().map { " since \($0)" } ?? ""
            return FindingView(
                "\(nodes) cannot start '\(kind.task)'\(since), and \(found.count == 1 ? "leaves" : "leave") it to "
                    + "other nodes: \(kind.reason)",
                remedy:
                    "on \(nodes): install the program, or take tasks.\(kind.task) out of the configuration and reload "
                    + "queueworker (SIGHUP)"
            )
        }
    }

    private static func list(_ nodes: [NodeName]) -> String {
        nodes.sorted().map(\.description).joined(separator: ", ")
    }

    static let clock = DoctorCheck("clock", "this machine's clock is the database's") { _ in [] }

    /// Ids and logs are made by machines' clocks; and history is forgotten only where both clocks agree.
    static let largestDifference = 1.0

    /// Judges the difference between two clocks in seconds; pure.
    static func findings(ofClockDifference seconds: Double) -> [FindingView] {
        guard abs(seconds) > largestDifference else { return [] }
        let rounded = (abs(seconds) * 10).rounded() / 10
        let isTooFar = abs(seconds) > ClocksDisagree.tolerance / .seconds(1)
        return [
            FindingView(
                "this machine's clock is \(rounded) s \(seconds > 0 ? "ahead of" : "behind") the database's: "
                    + "times in logs and in new ids mislead"
                    + (isTooFar ? ", and a queueworker here forgets no history" : ""),
                remedy: "chronyc makestep, and see why time is not synchronised (timedatectl)"
            )
        ]
    }

    static let doorbells = DoctorCheck("doorbells", "where processes say that they are rung, somebody listens") { _ in
        []
    }

    /// Judges what ringing has shown; pure.
    static func findings(ofDeadDoorbells bells: [DoctorStatements.Bell]) -> [FindingView] {
        bells.map { bell in
            FindingView(
                "nothing listens at \(bell.address), the doorbell of \(bell.daemon) on \(bell.node), pid \(bell.pid): "
                    + "work for that process waits for a slow poll",
                remedy:
                    "on \(bell.node): nothing if \(bell.daemon) is just stopping (systemctl status); else see whether "
                    + "it hangs, and doorbell.advertise in its configuration"
            )
        }
    }
}
