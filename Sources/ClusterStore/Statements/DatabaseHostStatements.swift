import MariaDB

/// The statement by which a database server is asked about itself as one among others.
package enum DatabaseHostStatements {
    private static let variables = [
        "wsrep_on", "binlog_format", "innodb_autoinc_lock_mode", "wsrep_sst_donor_rejects_queries",
        "wsrep_certify_nonpk", "wsrep_osu_method",
    ]
    private static let states = [
        "wsrep_cluster_size", "wsrep_cluster_state_uuid", "wsrep_incoming_addresses", "wsrep_local_state",
        "wsrep_local_state_comment",
    ]

    /// Reads variables and states of the server by name, in lower case; one that it does not have is left out.
    package static func facts(on session: borrowing Session) throws -> [String: String] {
        let pairs = try session.query(
            """
            SELECT LOWER(variable_name), variable_value FROM information_schema.global_variables
            WHERE variable_name IN (\(list: variables))
            UNION ALL
            SELECT LOWER(variable_name), variable_value FROM information_schema.session_status
            WHERE variable_name IN (\(list: states))
            """
        ).map { try $0.decode((String, String).self) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// Computes a checksum of each table of wanted state by name, which rows in any order share; one that is not there
    /// is left out.
    package static func checksums(on session: borrowing Session) throws -> [String: Int] {
        let pairs = try session.query(
            """
            CHECKSUM TABLE nodes, networks, interfaces, allowed_addresses, external_network, external_addresses,
                floating_ports, registered_tasks, queue_pauses
            """
        ).map { try $0.decode((String, Int?).self) }
        return Dictionary(
            pairs.compactMap { table, checksum in
                checksum.map { (String(table.split(separator: ".").last ?? ""), $0) }
            },
            uniquingKeysWith: { first, _ in first }
        )
    }
}
