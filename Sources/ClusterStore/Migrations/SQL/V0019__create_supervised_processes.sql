-- The processes that nodes supervise, as each node last sampled them: a row is only as current as `sampled_at`.
CREATE TABLE IF NOT EXISTS supervised_processes (
    node UUID NOT NULL,
    service VARCHAR(127) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    pid INT UNSIGNED NULL,
    restarts INT UNSIGNED NOT NULL,
    memory_bytes BIGINT UNSIGNED NULL,
    cpu_percent DOUBLE NULL,
    health VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    health_reason VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    sampled_at DATETIME(6) NOT NULL,
    -- The session that took the sample; the row is deleted with it.
    session UUID NOT NULL,
    PRIMARY KEY (node, service),
    KEY supervised_by_session (session),
    CONSTRAINT supervised_process_state CHECK (state IN ('running', 'starting', 'stopped', 'failed')),
    CONSTRAINT supervised_process_health CHECK (health IN ('healthy', 'unhealthy', 'unknown')),
    CONSTRAINT supervised_process_runs_with_a_pid CHECK (state <> 'running' OR pid IS NOT NULL),
    CONSTRAINT supervised_process_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE
) ENGINE = InnoDB
