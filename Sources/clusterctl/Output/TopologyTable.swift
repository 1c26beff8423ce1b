import ClusterModel
import ClusterReports

extension ChangedView: Answer where Object: Answer {
    var table: TextTable {
        let ids = operations.map(\.description).joined(separator: " ")
        return object.table.adding([("operations", ids.isEmpty ? nil : ids)])
    }
}

extension NodeView: TableRow {
    static let columns: [TableColumn] = [
        .name("NAME"), "STATE", .prose("DAEMONS"), "SEEN", .detail("UNDERLAY"), .detail("ROLES"), .prose("DRAINED"),
    ]
    var cells: [String?] {
        [
            "\(name)", state.rawValue, sessions.isEmpty ? nil : sessions.map(\.daemon).joined(separator: " "),
            lastSeen.map { ShortTime.age(of: $0) }, "\(underlayAddress)", rolesText,
            drain.map { "\(ShortTime.age(of: $0.since)) \($0.text)" },
        ]
    }

    private var rolesText: String { roles.map(\.rawValue).joined(separator: " ") }
}

extension NodeDrainView {
    fileprivate var text: String { "by \(requester)" + (reason.map { ": \($0)" } ?? "") }

    fileprivate var fields: [(name: String, value: String?)] {
        [("drained since", "\(since)"), ("drain requester", requester), ("drain reason", reason)]
    }
}

extension NodeView: Answer {
    var table: TextTable {
        TextTable(
            fields: [
                ("uuid", "\(uuid)"), ("name", "\(name)"), ("underlay address", "\(underlayAddress)"),
                ("roles", rolesText), ("state", state.rawValue), ("last seen", lastSeen.map { "\($0)" }),
            ]
                + (drain?.fields ?? [])
                + sessions.map { session in
                    (session.daemon, "pid \(session.pid) until in \(session.expiresInSeconds.secondsText)")
                }
                + obstacles.map { ("cannot start", "\($0.task) since \($0.since): \($0.reason)") }
        )
    }
}

extension NetworkView: TableRow {
    static let columns: [TableColumn] = [
        .name("NAME"), "VNI", "CIDR", .detail("MTU"), .detail("WANTED"), "CONVERGED", "PROBLEMS",
    ]
    var cells: [String?] {
        [
            "\(name)", "\(vni)", cidr?.description, "\(mtu)", "\(wantedGeneration)", converged.word,
            "\(problems.count)",
        ]
    }
}

extension NetworkView: Answer {
    var table: TextTable {
        TextTable(
            fields: [
                ("uuid", "\(uuid)"), ("name", "\(name)"), ("vni", "\(vni)"), ("cidr", cidr?.description),
                ("mtu", "\(mtu)"),
                ("domain", domain?.description), ("dhcp", dhcp.word), ("dns", dns.word),
                ("nat", nat.word), ("gateway", gateway.word), ("external address", externalAddress?.description),
                ("port security", portSecurity.word),
                ("server address", serverAddress?.description), ("wanted generation", "\(wantedGeneration)"),
                ("converged", converged.word),
            ]
                + waitingFor.map { ("waits for", $0.text) }
                + current.map { ("applied", "\($0.what.rawValue) on \($0.node): \($0.generation), term \($0.term)") }
                + problems.map { ("problem", "\($0.what) on \($0.node) since \($0.since): \($0.message)") },
            alarms: ["problem"]
        )
    }

    /// The applied state that counts: a server or egress of an earlier term is gone with its leader.
    private var current: [AppliedView] {
        let last = applied.filter { $0.what != .mesh }.map(\.term).max()
        return applied.filter { $0.what == .mesh || $0.term == last }
    }
}

extension WaitingForView {
    fileprivate var text: String {
        guard let node else { return "an elected network node: \(what.rawValue) \(wanted)" }
        let reached = applied.map { "\($0)" } ?? "none"
        return "\(node): \(what.rawValue) \(reached) of \(wanted)"
            + (netnodeRuns ? "" : ", its netnode is not running")
    }
}

extension LeaseView: TableRow {
    static let columns: [TableColumn] = [
        "ADDRESS", .detail("MAC"), .name("HOSTNAME"), .name("NODE"), .detail("SINCE"), "UNTIL", .detail("SERVER"),
    ]
    var cells: [String?] {
        [
            "\(address)", "\(mac)", hostname.map { "\($0)" }, node.map { "\($0)" }, "\(since)", "\(until)",
            "\(server)",
        ]
    }
}

extension InterfaceView: TableRow {
    static let columns: [TableColumn] = [
        "UUID", .name("HOSTNAME"), .name("NETWORK"), .name("NODE"), "ADDRESS", .detail("MAC"), "FLOATING",
    ]
    var cells: [String?] {
        [
            "\(uuid)", "\(hostname)", "\(network)", "\(node)", "\(address)", "\(mac)",
            floatingAddress.map { "\($0)" },
        ]
    }
}

extension InterfaceView: Answer {
    var table: TextTable {
        let ranges = allowedAddresses.map(\.description).joined(separator: " ")
        return TextTable(
            fields: zip(Self.columns, cells).map { (name: $0.title.lowercased(), value: $1) }
                + floatingPorts.map { ("floating port", "\($0)") }
        )
        .adding([("allowed addresses", ranges.isEmpty ? nil : ranges)])
    }
}

extension ExternalNetworkView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("cidr", "\(cidr)"), ("gateway", "\(gateway)"), ("first address", "\(firstAddress)"),
            ("last address", "\(lastAddress)"), ("addresses used", "\(addressesUsed)"),
            ("addresses free", "\(addressesFree)"),
        ])
    }
}

extension LeaderDetailView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("name", name), ("holder", holder?.description), ("term", "\(term)"),
            ("expires in", expiresInSeconds?.secondsText),
            ("witnesses", witnesses.map { $0.isEmpty ? "nobody else" : $0.map(\.description).joined(separator: " ") }),
            ("outage time", outageSeconds?.secondsText),
        ])
    }
}

extension LeaderChangeView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("name", name), ("previous holder", "\(previousHolder)"), ("holder", "\(holder)"), ("term", "\(term)"),
        ])
    }
}
