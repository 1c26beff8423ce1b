import ClusterModel
import Foundation
import MariaDB

/// The statements on the processes that nodes supervise.
package enum SupervisionStatements {
    /// Writes the sample of a daemon, all its processes in one statement.
    ///
    /// Of a session that has ended nothing is written: its rows are gone, and would not go again.
    package static func write(
        _ samples: [ProcessSampler.Sample],
        of session: SessionID,
        on connection: borrowing Session
    ) throws {
        guard !samples.isEmpty else { return }
        let document = String(decoding: try JSONEncoder().encode(samples), as: UTF8.self)
        try connection.execute(
            """
            INSERT INTO supervised_processes (node, service, state, pid, restarts, memory_bytes, cpu_percent, health,
                health_reason, sampled_at, session)
            SELECT s.node, p.service, p.state, p.pid, p.restarts, p.memory_bytes, p.cpu_percent, p.health,
                p.health_reason, NOW(6), s.id
            FROM sessions AS s, JSON_TABLE(\(document), '$[*]' COLUMNS (
                service VARCHAR(127) PATH '$.service', state VARCHAR(16) PATH '$.state',
                pid INT UNSIGNED PATH '$.pid', restarts INT UNSIGNED PATH '$.restarts',
                memory_bytes BIGINT UNSIGNED PATH '$.memory_bytes', cpu_percent DOUBLE PATH '$.cpu_percent',
                health VARCHAR(16) PATH '$.health', health_reason VARCHAR(1000) PATH '$.health_reason')) AS p
            WHERE s.id = \(session) AND s.dead = FALSE
            ON DUPLICATE KEY UPDATE state = VALUE(state), pid = VALUE(pid), restarts = VALUE(restarts),
                memory_bytes = VALUE(memory_bytes), cpu_percent = VALUE(cpu_percent), health = VALUE(health),
                health_reason = VALUE(health_reason), sampled_at = VALUE(sampled_at), session = VALUE(session)
            """
        )
    }

    /// Forgets processes that a daemon supervises no longer.
    package static func forget(_ services: [String], of session: SessionID, on connection: borrowing Session) throws {
        try connection.executeBatch(services) { service in
            """
            DELETE FROM supervised_processes
            WHERE node = (SELECT node FROM sessions WHERE id = \(session)) AND service = \(service)
                AND session = \(session)
            """
        }
    }

    /// Forgets all that a session has supervised.
    package static func forget(of session: SessionID, on connection: borrowing Session) throws(DatabaseError) {
        try connection.execute(
            "DELETE FROM supervised_processes WHERE session = \(session)"
        )
    }

    /// The dead sessions that have left samples, because whoever ended one died before it could forget them.
    ///
    /// None of them comes back. They are read without locks: a DELETE that looked for them would walk through all
    /// samples, and wait for those that other daemons are writing.
    package static func endedSessions(on connection: borrowing Session) throws -> [SessionID] {
        try connection.query(
            """
            SELECT s.id
            FROM sessions AS s
            WHERE s.dead = TRUE AND EXISTS (
                SELECT 1 FROM supervised_processes AS p FORCE INDEX (supervised_by_session) WHERE p.session = s.id)
            """
        ).map { try $0.only() }
    }

    /// Every process that a living session supervises.
    package static func services(on connection: borrowing Session) throws -> [SupervisedService] {
        try connection.query(
            """
            SELECT n.name AS node, p.service, p.state, p.pid, p.restarts, p.memory_bytes, p.cpu_percent, p.health,
                p.health_reason, p.sampled_at, s.server
            FROM supervised_processes AS p
                JOIN sessions AS s ON s.id = p.session AND \(sql: LeaseTime.isLive("s."))
                JOIN nodes AS n ON n.id = p.node
            ORDER BY n.name, p.service
            """
        ).map { row in
            SupervisedService(
                node: try row.get("node"),
                service: try row.get("service"),
                state: try row.get("state"),
                pid: try row.get("pid"),
                restarts: try row.get("restarts"),
                memoryBytes: try row.get("memory_bytes"),
                cpuPercent: try row.get("cpu_percent"),
                health: try row.get("health"),
                healthReason: try row.get("health_reason"),
                sampledAt: try row.get("sampled_at"),
                databaseServer: try row.get("server")
            )
        }
    }
}
