import ClusterEngine
import ClusterStore
import MariaDB

extension DoctorCheck {
    static let databaseHosts = DoctorCheck(
        "database_hosts",
        "each database server that is configured serves, with the same wanted state, settings and time"
    ) { _ in [] }

    /// A database server of the configuration, and its answer about itself.
    struct DatabaseHost: Sendable {
        let host: String
        let answer: Result<DatabaseHostFacts, any Error>
    }

    /// The facts that a database server states about itself.
    struct DatabaseHostFacts: Sendable {
        /// By name in lower case.
        let variables: [String: String]
        /// The number of seconds that this machine is ahead of it.
        let clockDifference: Double
        /// Of the tables of wanted state, by name; none of a server that is no member beside others.
        var checksums: [String: Int] = [:]
        /// The reason for which there are no checksums, although there should be.
        var notCompared: String?

        var isMember: Bool { variables["wsrep_on"] == "ON" }
        var history: String { variables["wsrep_cluster_state_uuid"] ?? "unknown" }
        var size: Int { variables["wsrep_cluster_size"].flatMap(Int.init) ?? 0 }
        /// The members that it sees, itself among them.
        var view: Set<Substring> { Set((variables["wsrep_incoming_addresses"] ?? "").split(separator: ",")) }

        /// The tables that both know of, with other rows.
        func tables(thatDifferFrom other: DatabaseHostFacts) -> [String] {
            checksums.filter { table, checksum in other.checksums[table].map { $0 != checksum } ?? false }.keys.sorted()
        }
    }

    private typealias Answer = (host: String, facts: DatabaseHostFacts)

    /// Returns whether tables differ between servers, be it because a change is on its way.
    static func differ(_ hosts: [DatabaseHost]) -> Bool {
        let known = hosts.compactMap { try? $0.answer.get() }
        return known.contains { one in known.contains { !one.tables(thatDifferFrom: $0).isEmpty } }
    }

    /// Leaves out the tables that have changed since an earlier look, or were not seen then.
    ///
    /// A table that still differs has no change on its way: the server that was behind at the first look would have it
    /// at the second, and so have changed.
    static func steady(_ hosts: [DatabaseHost], since earlier: [DatabaseHost]) -> [DatabaseHost] {
        zip(hosts, earlier).map { host, earlier in
            guard var facts = try? host.answer.get() else { return host }
            let before = (try? earlier.answer.get())?.checksums ?? [:]
            facts.checksums = facts.checksums.filter { before[$0.key] == $0.value }
            return DatabaseHost(host: host.host, answer: .success(facts))
        }
    }

    /// A setting that members have to have, and the consequence of another value.
    private static let settingsOfMembers: [(name: String, value: String, consequence: String)] = [
        ("binlog_format", "ROW", "Galera replicates nothing else rightly"),
        ("innodb_autoinc_lock_mode", "2", "members that insert at once block each other"),
        ("wsrep_sst_donor_rejects_queries", "OFF", "while a member is copied, its donor serves nobody"),
        ("wsrep_certify_nonpk", "ON", "rows without a primary key can differ between members"),
        ("wsrep_osu_method", "TOI", "a migration changes one member only"),
    ]

    /// Fewer have no quorum once one is lost.
    private static let fewestMembers = 3

    /// Judges the servers of the configuration; pure.
    static func findings(ofHosts hosts: [DatabaseHost]) -> [FindingView] {
        var findings: [FindingView] = []
        var answers: [Answer] = []
        for host in hosts {
            switch host.answer {
            case .success(let facts): answers.append((host.host, facts))
            case .failure(let error):
                findings.append(
                    FindingView(
                        "the database server \(host.host) cannot be used: \(error)",
                        remedy:
                            "see its own log, and there SHOW STATUS LIKE 'wsrep_%' if it is of Galera; as long as it "
                            + "is away, no other one should be lost"
                    )
                )
            }
        }
        let members = answers.filter(\.facts.isMember)
        if let first = members.first { findings += Self.findings(ofMembers: members, first, among: answers) }
        return findings + Self.findings(ofClocks: answers)
    }

    private static func findings(
        ofMembers members: [Answer],
        _ first: Answer,
        among answers: [Answer]
    ) -> [FindingView] {
        var findings: [FindingView] = []
        for stranger in answers where stranger.facts.history != first.facts.history || !stranger.facts.isMember {
            let what =
                stranger.facts.isMember
                ? "has another history than \(first.host) (wsrep_cluster_state_uuid \(stranger.facts.history), not "
                    + "\(first.facts.history))" : "is no member of the Galera cluster of \(first.host)"
            findings.append(
                FindingView(
                    "the database server \(stranger.host) \(what): what was acknowledged by one is unknown to the "
                        + "other",
                    remedy:
                        "take the one that is not this cluster's out of database.hosts; if it is to join, stop it, "
                        + "empty its data directory and start it"
                )
            )
        }
        let relatives = members.filter { $0.facts.history == first.facts.history }
        if Set(relatives.map(\.facts.view)).count > 1 {
            let told = relatives.map { "\($0.host) sees \($0.facts.size)" }.joined(separator: ", ")
            findings.append(
                FindingView(
                    "members of one Galera cluster see different members (\(told)): they write without each other",
                    remedy:
                        "at once: stop those that are not to be kept, empty their data directories and start them; one "
                        + "of them was started as a new cluster (galera_new_cluster)"
                )
            )
        } else if first.facts.size < fewestMembers {
            findings.append(
                FindingView(
                    "the Galera cluster has \(first.facts.size) of the \(fewestMembers) members that it takes to lose "
                        + "one",
                    remedy: "start the others, or add members; the third may be an arbitrator without data (garbd)"
                )
            )
        } else if first.facts.size.isMultiple(of: 2) {
            findings.append(
                FindingView(
                    "the Galera cluster has \(first.facts.size) members: cut in halves, none of them has a quorum",
                    remedy: "start the one that is missing, or add one; it may be an arbitrator without data (garbd)"
                )
            )
        }
        for member in relatives {
            guard let reason = member.facts.notCompared else { continue }
            findings.append(
                FindingView(
                    "the tables of the database server \(member.host) were not compared with those of the other "
                        + "members: \(reason)",
                    remedy: "run doctor as a reader or an operator; if it took too long, once more with less load"
                )
            )
        }
        for (position, member) in relatives.enumerated() {
            // With the first that it differs from: of one before it nothing may be known.
            let differences = relatives[..<position].lazy.map { ($0, $0.facts.tables(thatDifferFrom: member.facts)) }
            guard let (other, tables) = differences.first(where: { !$0.1.isEmpty }) else { continue }
            findings.append(
                FindingView(
                    "the database servers \(other.host) and \(member.host) hold different rows in "
                        + "\(tables.joined(separator: ", ")): what is wanted depends on which of them is asked",
                    remedy:
                        "find out which of them is right; stop the other one, empty its data directory and start it, "
                        + "so that it is copied anew"
                )
            )
        }
        for member in members where member.facts.variables["wsrep_local_state"] != "4" {
            let state = member.facts.variables["wsrep_local_state_comment"] ?? "unknown"
            findings.append(
                FindingView(
                    "the database server \(member.host) is not synced (\(state)): it may be behind",
                    remedy: "none while a member or a backup is copied from it; else see wsrep_desync, and its log"
                )
            )
        }
        for (name, value, consequence) in settingsOfMembers {
            let others = members.filter { ($0.facts.variables[name] ?? value) != value }
            guard let other = others.first?.facts.variables[name] else { continue }
            let named = others.map(\.host).joined(separator: ", ")
            findings.append(
                FindingView(
                    "\(name) is \(other) on \(named): \(consequence)",
                    remedy: "\(name) = \(value) in the server's configuration, as in galera.cnf, and restart it"
                )
            )
        }
        return findings
    }

    private static func findings(ofClocks answers: [Answer]) -> [FindingView] {
        let sorted = answers.sorted { $0.facts.clockDifference < $1.facts.clockDifference }
        guard let ahead = sorted.first, let behind = sorted.last else { return [] }
        let difference = behind.facts.clockDifference - ahead.facts.clockDifference
        guard difference > largestDifference else { return [] }
        return [
            FindingView(
                "the clock of the database server \(ahead.host) is \((difference * 10).rounded() / 10) s ahead of that "
                    + "of \(behind.host): delays and deadlines shift by that when one takes the other's place",
                remedy: "there: chronyc makestep, and see why time is not synchronised (timedatectl)"
            )
        ]
    }
}
