import MariaDB

/// The work that others than the observer have given a server until now.
package struct ServerWork: Sendable {
    /// The statements that were sent, pings and preparations included.
    package let statements: Int
    /// The renewals of the session that was renewed most often.
    package let renewals: Int
}

extension Connection {
    /// Counts the work of all other connections to this one's server.
    package func othersWork() throws -> ServerWork {
        let (statements, renewals) = try withSession { session in
            try session.query(
                """
                SELECT CAST((SELECT SUM(variable_value) FROM information_schema.global_status
                        WHERE variable_name IN ('QUESTIONS', 'COM_ADMIN_COMMANDS', 'COM_STMT_PREPARE'))
                    - (SELECT SUM(variable_value) FROM information_schema.session_status
                        WHERE variable_name IN ('QUESTIONS', 'COM_ADMIN_COMMANDS', 'COM_STMT_PREPARE')) AS SIGNED),
                    (SELECT CAST(COALESCE(MAX(renewals), 0) AS SIGNED) FROM sessions)
                """
            )[0].decode((Int, Int).self)
        }
        return ServerWork(statements: statements, renewals: renewals)
    }
}
