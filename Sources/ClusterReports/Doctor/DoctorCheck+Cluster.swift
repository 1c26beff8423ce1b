import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension DoctorCheck {
    static let sessions = DoctorCheck("sessions", "every node has its daemons, each once, and the dead are noticed") {
        session in
        findings(of: try DoctorStatements.nodeSessions(on: session))
    }

    /// Nodes that a finding names: as many as a line of a terminal takes.
    private static let mostNamed = 8

    /// Judges processes; pure.
    static func findings(of nodes: [NodeSessions]) -> [FindingView] {
        var findings: [FindingView] = []
        func tell(
            _ filter: (NodeSessions) -> Bool,
            _ what: String,
            detail: (NodeSessions) -> String = { _ in "" },
            _ remedy: (String) -> String
        ) {
            let found = nodes.filter(filter)
            guard let first = found.first else { return }
            let named = found.prefix(mostNamed).map(\.node.description).joined(separator: ", ")
            let more = found.count > mostNamed ? " and \(found.count - mostNamed) more nodes" : ""
            let subject = found.count == 1 ? named : "each of \(named)\(more)"
            findings.append(FindingView("\(subject) \(what)\(detail(first))", remedy: remedy(named)))
        }
        tell({ $0.workers == 0 }, "has no live queueworker") { "on \($0): systemctl start clusterops-queueworker" }
        tell({ $0.networkDaemons == 0 }, "has no live netnode") { "on \($0): systemctl start clusterops-netnode" }
        tell(
            { $0.workers > 1 || $0.networkDaemons > 1 },
            "has two live processes of one daemon",
            detail: { ": \($0.living)" }
        ) {
            "look for '--node \($0)' or node.name \($0) on other hosts, as in a configuration that was copied; on \($0), stop "
                + "the one that systemd does not know"
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

    static let lease = DoctorCheck("lease", "a network node is elected, if one may be") { session in
        let candidates = try NetworkStatements.networkNodes(on: session)
        let leader = try LeaseStatements.leader(ElectedLease.networkNode, on: session)
        guard let first = candidates.min(), leader?.holder == nil else { return [] }
        let drained = try DoctorStatements.drainingNetworkNodes(on: session)
        let message = "no network node is elected: networks are not served and operations of 'networknode' wait"
        // One that is drained is not elected, however well it runs.
        guard let able = candidates.subtracting(drained).min() else {
            return [
                FindingView(
                    "\(message); every network node is being drained",
                    remedy: "clusterctl node undrain \(first)"
                )
            ]
        }
        return [
            FindingView(
                message,
                remedy:
                    "start netnode on \(able); if it runs, see its log lines 'elected' and 'the lease cannot be read'"
                    + (drained.min().map { "; or clusterctl node undrain \($0)" } ?? "")
            )
        ]
    }

    static let tasks = DoctorCheck("tasks", "a task is the same on every node, and can be started there") { session in
        let conflicts = try TaskStatements.conflicting(limit: mostTold, on: session).map { task in
            FindingView(
                "task '\(task)' is defined differently on different nodes",
                remedy: "make tasks.\(task) equal in all configurations, and restart their queueworkers"
            )
        }
        let obstacles = try TaskStatements.obstacles(on: session).prefix(mostTold).map { found in
            FindingView(
                "\(found.node) cannot start '\(found.task)' since \(found.since), and leaves it to other nodes: "
                    + "\(found.reason)",
                remedy:
                    "on \(found.node): install the program, or take tasks.\(found.task) out of the configuration and "
                    + "reload queueworker (SIGHUP)"
            )
        }
        return conflicts + obstacles
    }

    static let clock = DoctorCheck("clock", "this machine's clock is the database's") { _ in [] }

    /// Ids and logs are made by machines' clocks; and history is forgotten only where both clocks agree.
    private static let largestDifference = 1.0

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
    static func findings(ofDeadDoorbells addresses: [HostPort]) -> [FindingView] {
        addresses.prefix(mostTold).map { address in
            FindingView(
                "nothing listens at the doorbell \(address): work for that process waits for a slow poll",
                remedy: "see whether its daemon hangs, and doorbell.advertise in its configuration"
            )
        }
    }
}
