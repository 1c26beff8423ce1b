/// The state of a server in its cluster, as the server itself tells it, and the judgement whether it serves; pure.
struct ServerState: Sendable, Hashable {
    /// The words of a member of a Galera cluster about itself.
    struct Member: Sendable, Hashable {
        /// `wsrep_ready`: statements are accepted.
        var isReady: Bool
        /// `wsrep_cluster_status`; "Primary" with a quorum.
        var cluster: String
        /// `wsrep_local_state`; 4 is synced, 2 is a donor.
        var state: String
        /// `wsrep_reject_queries`, which an operator sets, is not NONE.
        var rejectsQueries: Bool
        /// `wsrep_cluster_state_uuid`; members with the same have the same commits, as far as each has got.
        var history: String
    }

    /// The name by which servers are told from one another: that of the Galera member, or host and port.
    var name: String
    /// It takes no writes, or its storage engine does not.
    var isReadOnly: Bool
    /// Nil for a server that is no member of a Galera cluster.
    var member: Member?

    /// Reads the state on a new connection, or on one that has been idle.
    ///
    /// By name from tables: a variable that a server does not have is no error of SQL there. Galera lets a member that
    /// serves nobody answer this, unless it is to wait for the others first. The status is the session's, which has the
    /// same states of Galera: for the global one the server adds up the counters of all connections, which took it 5 ms
    /// at 3,500 of them, with each login.
    static let question = SQL(
        trustedText: """
            SELECT LOWER(variable_name), variable_value FROM information_schema.global_variables
            WHERE variable_name IN
              ('hostname', 'port', 'read_only', 'innodb_read_only', 'wsrep_on', 'wsrep_node_name',
               'wsrep_reject_queries')
            UNION ALL
            SELECT LOWER(variable_name), variable_value FROM information_schema.session_status
            WHERE variable_name IN
              ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state', 'wsrep_cluster_state_uuid')
            """
    )

    /// The same question to a member in a session whose reads wait for the others: this one does not.
    static let questionAtOnce = SQL(trustedText: "SET STATEMENT wsrep_sync_wait = 0 FOR \(question.text)")

    /// Makes the state of what the server has answered to `question`.
    init(_ found: [String: String]) {
        func isOn(_ name: String) -> Bool { found[name] == "ON" }
        name = "\(found["hostname"] ?? "?"):\(found["port"] ?? "?")"
        // MariaDB 12 has stricter forms of ON.
        isReadOnly = found["read_only"].map { $0 != "OFF" } ?? false || isOn("innodb_read_only")
        guard isOn("wsrep_on") else { return }
        if let node = found["wsrep_node_name"], !node.isEmpty { name = node }
        member = Member(
            isReady: isOn("wsrep_ready"),
            cluster: found["wsrep_cluster_status"] ?? "unknown",
            state: found["wsrep_local_state"] ?? "unknown",
            rejectsQueries: found["wsrep_reject_queries"].map { $0 != "NONE" } ?? false,
            history: found["wsrep_cluster_state_uuid"] ?? "unknown"
        )
    }

    /// Returns the reason why it does not serve, or nil.
    ///
    /// - Parameters:
    ///   - isOnly: Whether there is no other server to go to: then one that takes no writes is good for reads.
    ///   - known: The history of the cluster that this process has used before; nil if none.
    /// - Returns: A sentence without its end.
    func refusal(isOnly: Bool, known: String? = nil) -> String? {
        if let member {
            if member.cluster != "Primary" { return "it has no quorum (wsrep_cluster_status \(member.cluster))" }
            if !member.isReady { return "it accepts no statements (wsrep_ready OFF)" }
            if member.rejectsQueries { return "it rejects queries (wsrep_reject_queries)" }
            // A donor is behind by no more than a synced member may be.
            if !["2", "4"].contains(member.state) { return "it is not synced (wsrep_local_state \(member.state))" }
            if let known, member.history != known {
                return "it has another history than the cluster so far (wsrep_cluster_state_uuid \(member.history), "
                    + "not \(known)); after a restore, restart the programs"
            }
        }
        return isReadOnly && !isOnly ? "it takes no writes (read_only)" : nil
    }
}
