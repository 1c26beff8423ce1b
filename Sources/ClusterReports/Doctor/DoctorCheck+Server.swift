import ClusterEngine
import ClusterStore
import MariaDB

extension DoctorCheck {
    static let settings = DoctorCheck("settings", "the server keeps what it has acknowledged, and lets claims work") {
        findings(of: try Settings(variables: try DoctorStatements.variables(Settings.variables, on: $0)))
    }

    /// The server's settings that correctness or durability rests on; those of a session are set and read back
    /// whenever one is opened, so that a command that gets here has them.
    struct Settings: Sendable {
        var flushLogAtCommit = 1
        var doesDoublewrite = true
        var detectsDeadlocks = true
        var logsBinary = false
        var binaryLogFormat = "ROW"
        var syncBinaryLog = 1
        var longestPacket = 16 << 20
        var isolation = "READ-COMMITTED"
        var sqlMode = "STRICT_ALL_TABLES"

        init() {}

        static let variables = [
            "innodb_flush_log_at_trx_commit", "innodb_doublewrite", "innodb_deadlock_detect", "log_bin",
            "binlog_format",
            "sync_binlog", "max_allowed_packet", "tx_isolation", "transaction_isolation", "sql_mode",
        ]

        /// Reads settings from a server's variables, by the names and words of any release.
        ///
        /// - Throws: ``Unknown`` for one that is missing, or not a number where it has to be one.
        init(variables: [String: String]) throws(Unknown) {
            func word(_ names: String...) throws(Unknown) -> String {
                guard let value = names.lazy.compactMap({ variables[$0] }).first else {
                    throw Unknown(variable: names[0], value: nil)
                }
                return value
            }
            func number(_ name: String) throws(Unknown) -> Int {
                let text = try word(name)
                guard let value = Int(text) else { throw Unknown(variable: name, value: text) }
                return value
            }
            flushLogAtCommit = try number("innodb_flush_log_at_trx_commit")
            // From 11.0 on it is OFF, ON or fast; only the first writes pages without a second copy.
            doesDoublewrite = try word("innodb_doublewrite") != "OFF"
            detectsDeadlocks = try word("innodb_deadlock_detect") == "ON"
            logsBinary = try word("log_bin") == "ON"
            binaryLogFormat = try word("binlog_format")
            syncBinaryLog = try number("sync_binlog")
            longestPacket = try number("max_allowed_packet")
            isolation = try word("transaction_isolation", "tx_isolation")
            sqlMode = try word("sql_mode")
        }

        /// A variable of the server that is not as any release has it.
        struct Unknown: Error, CustomStringConvertible {
            let variable: String
            let value: String?

            var description: String {
                value.map { "the server's \(variable) is '\($0)', which is no number" }
                    ?? "the server has no \(variable)"
            }
        }
    }

    /// A quarter of it is what a batch sends at once.
    private static let shortestPacket = 16 << 20

    /// Judges settings; pure.
    static func findings(of settings: Settings) -> [FindingView] {
        var findings: [FindingView] = []
        func check(_ isRight: Bool, _ message: String, _ remedy: String) {
            if !isRight { findings.append(FindingView(message, remedy: remedy)) }
        }
        check(
            settings.flushLogAtCommit == 1,
            "innodb_flush_log_at_trx_commit is \(settings.flushLogAtCommit): a crash of the machine loses operations that "
                + "were acknowledged",
            "SET GLOBAL innodb_flush_log_at_trx_commit = 1, and the same in the server's configuration"
        )
        check(
            settings.doesDoublewrite,
            "innodb_doublewrite is off: a crash can leave half-written pages",
            "innodb_doublewrite = ON in the server's configuration, unless the file system writes pages atomically"
        )
        check(
            settings.detectsDeadlocks,
            "innodb_deadlock_detect is off: deadlocks last until innodb_lock_wait_timeout",
            "SET GLOBAL innodb_deadlock_detect = ON"
        )
        if settings.logsBinary {
            check(
                settings.binaryLogFormat != "STATEMENT",
                "binlog_format is STATEMENT, with which READ COMMITTED cannot write",
                "SET GLOBAL binlog_format = 'ROW', and reconnect"
            )
            check(
                settings.syncBinaryLog == 1,
                "sync_binlog is \(settings.syncBinaryLog): after a crash a replica may have what the primary has not",
                "SET GLOBAL sync_binlog = 1"
            )
        }
        check(
            settings.longestPacket >= shortestPacket,
            "max_allowed_packet is \(settings.longestPacket): batches of completions may not fit",
            "SET GLOBAL max_allowed_packet = \(shortestPacket)"
        )
        check(
            settings.isolation == "READ-COMMITTED",
            "this session's isolation is \(settings.isolation)",
            "look for a proxy between this host and the database that changes sessions"
        )
        check(
            settings.sqlMode.contains("STRICT_ALL_TABLES"),
            "this session's sql_mode is not strict",
            "look for a proxy between this host and the database that changes sessions"
        )
        return findings
    }

    /// Chosen, not measured: well above what a busy server has, and long before purge is given up for lost.
    private static let longestHistory = 300_000

    static let history = DoctorCheck("history_list", "purge keeps up with what has ended") { session in
        let length = try DoctorStatements.historyListLength(on: session)
        guard length > longestHistory else { return [] }
        return [
            FindingView(
                "the history list is \(length) long: claims walk over operations that have long ended",
                remedy:
                    "end old snapshots (check 'snapshots'); then SET GLOBAL innodb_purge_threads = 4, or a faster disk"
            )
        ]
    }

    /// Transactions of ours take milliseconds, a backup minutes.
    private static let oldestSnapshot: Duration = .seconds(60)

    static let snapshots = DoctorCheck("snapshots", "no old snapshot or transaction is open") { session in
        try DoctorStatements.oldTransactions(olderThan: oldestSnapshot, limit: mostTold, on: session).map { old in
            FindingView(
                "connection \(old.connection) of \(old.user) has been in one transaction for \(old.seconds) s: "
                    + "purge cannot remove what has ended since",
                remedy: "KILL \(old.connection), unless it is a backup that ends soon"
            )
        }
    }

    static let privileges = DoctorCheck("privileges", "this user may do all that one role of the cluster does") {
        session in
        let (held, account, schema) = try DoctorStatements.privileges(on: session)
        let (role, missing) = held.nearest
        guard !missing.isEmpty else { return [] }
        let told = missing.prefix(mostTold).map { [$0.words, $0.object].compactMap(\.self).joined(separator: " on ") }
        let more = missing.count > mostTold ? " and \(missing.count - mostTold) more" : ""
        let names = account.split(separator: "'").filter { $0 != "@" }
        let (user, host) = (names.first ?? "", names.count > 1 ? names[1] : "%")
        return [
            FindingView(
                "\(account) lacks, of what the role \(role.rawValue) needs: \(told.joined(separator: ", "))\(more)",
                remedy:
                    "clusterctl db grants \(role.rawValue) --user '\(user)' --host '\(host)' --schema \(schema) | mariadb"
            )
        ]
    }
}
