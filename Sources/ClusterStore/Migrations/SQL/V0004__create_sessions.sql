-- The leased identity of a worker process. The row stays, marked dead, until no operation names it.
CREATE TABLE IF NOT EXISTS sessions (
    id UUID NOT NULL,
    daemon VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node UUID NOT NULL,
    node_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    pid INT UNSIGNED NOT NULL,
    doorbell VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    renewals BIGINT UNSIGNED NOT NULL DEFAULT 0,
    lease_microseconds BIGINT UNSIGNED NOT NULL,
    started_at DATETIME(6) NOT NULL,
    renewed_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    dead BOOLEAN NOT NULL DEFAULT FALSE,
    -- How many operations the process runs at once; NULL where it did not say.
    slots INT UNSIGNED NULL,
    PRIMARY KEY (id),
    KEY sessions_by_node (node),
    KEY sessions_by_life (dead, expires_at),
    CONSTRAINT session_daemon CHECK (daemon IN ('queueworker', 'netnode'))
) ENGINE = InnoDB
