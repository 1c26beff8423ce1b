import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// The checks for work that waits, and for which nobody is there.
extension DoctorCheck {
    /// The work that could run now, and all that may take it or keep it.
    struct WorkFacts: Sendable {
        var ready: [DoctorStatements.ReadyWork] = []
        var nodes: [NodeSessions] = []
        var pauses: [QueuePause] = []
        var leader: NodeName?
        /// The nodes that may be elected.
        var candidates: Set<NodeName> = []
        var hasNetworks = false
        /// The nodes on which a live queueworker can start a command.
        var able: [TaskName: Set<NodeName>] = [:]

        init() {}

        init(on session: borrowing Session) throws {
            let queues = try ClusterConnection.queuesInUse(on: session)
            ready = try DoctorStatements.readyWork(in: queues, on: session)
            nodes = try DoctorStatements.nodeSessions(on: session)
            pauses = try QueueStatements.pauses(on: session)
            leader = try LeaseStatements.leader(ElectedLease.networkNode, on: session)?.holder
            candidates = try NetworkStatements.networkNodes(on: session)
            hasNetworks = try DoctorStatements.hasNetworks(on: session)
            let commands = ready.map(\.task).filter { BuiltInTask(rawValue: $0.description) == nil }
            able = try DoctorStatements.ableNodes(for: Set(commands), on: session)
        }

        fileprivate func isPaused(_ queue: QueueName) -> Bool {
            pauses.contains { Glob($0.pattern).matches(queue.description) }
        }

        /// The ready work of some queues in words, such as "operations wait in 'any-background' since …".
        fileprivate func words(_ isMeant: (QueueName) -> Bool) -> String? {
            let meant = ready.filter { isMeant($0.queue) }
            guard let since = meant.map(\.since).min() else { return nil }
            let queues = Set(meant.map(\.queue)).sorted().map { "'\($0)'" }.joined(separator: ", ")
            return "operations wait in \(queues) since \(since)"
        }
    }

    // MARK: Drained nodes

    /// The checks that go by the same facts, each with its judgement.
    static let ofWork: [(check: DoctorCheck, judge: @Sendable (WorkFacts) -> [FindingView])] = [
        (drained, drainedFindings), (queues, queueFindings), (pauses, pauseFindings),
    ]

    static let drained = DoctorCheck("drained", "no operation waits for a node that takes no new work") { _ in [] }

    /// Judges drained nodes; pure.
    static func drainedFindings(of facts: WorkFacts) -> [FindingView] {
        facts.nodes.filter(\.isDraining).compactMap { node in
            facts.words { $0.node == node.node }.map { waiting in
                FindingView(
                    "\(node.node) is being drained\(node.drain?.words ?? ""), and \(waiting)",
                    remedy:
                        "clusterctl node undrain \(node.node); if it is to stay drained, 'clusterctl op list --node "
                        + "\(node.node) --state queued' shows them, and 'clusterctl op cancel UUID' ends one"
                )
            }
        }
    }

    // MARK: Queues

    static let queues = DoctorCheck("queues", "every queue with work is drained by somebody who can do it", .critical) {
        _ in []
    }

    /// Judges queues; pure.
    ///
    /// A node that is drained, or lacks a daemon that it is to have, is another check's.
    static func queueFindings(of facts: WorkFacts) -> [FindingView] {
        let active = facts.nodes.filter { !$0.isDraining }
        let open = facts.ready.filter { !facts.isPaused($0.queue) }
        var findings: [FindingView] = []
        func words(_ isMeant: (QueueName) -> Bool) -> String? {
            facts.words { isMeant($0) && !facts.isPaused($0) }
        }
        let workers = Set(active.filter { $0.workers > 0 }.map(\.node))
        if workers.isEmpty, let waiting = words({ $0.target == .any }) {
            let drained = facts.nodes.filter { $0.isDraining && $0.workers > 0 }.map(\.node)
            let start = active.first.map { "on \($0.node): systemctl start clusterops-queueworker" }
            let undrain = drained.first.map { "clusterctl node undrain \($0)" }
            findings.append(
                FindingView(
                    "\(waiting), and no node that takes new work has a live queueworker",
                    remedy: [undrain, start].compactMap(\.self).first
                        ?? "add a node (clusterctl node add), and start queueworker on it"
                )
            )
        }
        // Without networks no netnode is missed, but what removes the last one still waits for it.
        for node in active where node.networkDaemons == 0 && !facts.hasNetworks {
            guard let waiting = words({ $0.target == .nodeNetwork(node.node) }) else { continue }
            findings.append(
                FindingView(
                    "\(waiting), and \(node.node) has no live netnode",
                    remedy: "on \(node.node): systemctl start clusterops-netnode"
                )
            )
        }
        if facts.candidates.isEmpty, let waiting = words({ $0.target == .networkNode }) {
            findings.append(
                FindingView(
                    "\(waiting), and no node may be elected",
                    remedy: "clusterctl node add NAME --underlay ADDRESS --role network, and start netnode on it"
                )
            )
        }
        return findings + taskFindings(of: open, facts, workers)
    }

    /// Judges the commands that wait: somebody drains their queue, and cannot start them.
    private static func taskFindings(
        of open: [DoctorStatements.ReadyWork],
        _ facts: WorkFacts,
        _ workers: Set<NodeName>
    ) -> [FindingView] {
        open.compactMap { work in
            guard BuiltInTask(rawValue: work.task.description) == nil else { return nil }
            let drainers: Set<NodeName>
            switch work.queue.target {
            case .any: drainers = workers
            case .node(let node): drainers = workers.intersection([node])
            case .networkNode, .nodeNetwork: return nil
            }
            guard let first = drainers.min(), facts.able[work.task, default: []].isDisjoint(with: drainers) else {
                return nil
            }
            return FindingView(
                "operations of '\(work.task)' wait in '\(work.queue)' since \(work.since), and no live queueworker "
                    + "that drains it can start the task",
                remedy:
                    "on \(first): configure tasks.\(work.task), and reload queueworker (SIGHUP); 'clusterctl op "
                    + "explain UUID' names an obstacle"
            )
        }
    }

    // MARK: Pauses

    static let pauses = DoctorCheck("pauses", "no queue is paused, and every rule matches one") { _ in [] }

    /// Judges the rules that pause queues; pure.
    static func pauseFindings(of facts: WorkFacts) -> [FindingView] {
        let names = Set(QueueName.all(of: facts.nodes.map(\.node)) + facts.ready.map(\.queue)).map(\.description)
        return facts.pauses.map { rule in
            let glob = Glob(rule.pattern)
            let resume = "clusterctl queue resume '\(rule.pattern)'"
            guard names.contains(where: glob.matches) else {
                return FindingView(
                    "the pause rule '\(rule.pattern)' of \(rule.requester) matches no queue: it pauses nothing",
                    remedy:
                        "\(resume); 'clusterctl queue pause' with the name of a node that 'clusterctl node list' has"
                )
            }
            let waiting = facts.words { glob.matches($0.description) }.map { "; \($0)" } ?? ""
            return FindingView(
                "queues '\(rule.pattern)' are paused since \(rule.pausedAt) by \(rule.requester): "
                    + "\(rule.reason)\(waiting)",
                remedy: resume
            )
        }
    }
}

extension NodeDrain {
    /// The drain in words that follow "is being drained".
    fileprivate var words: String { " since \(since) by \(requester)" + (reason.map { " (\($0))" } ?? "") }
}

extension QueueName {
    /// The node whose own queue it is.
    fileprivate var node: NodeName? {
        switch target {
        case .node(let node), .nodeNetwork(let node): node
        case .any, .networkNode: nil
        }
    }
}
