-- The candidates that could take over a lease from the holder of a term without an interruption, because everything
-- already runs behind their closed gates; `strength` is how much. One row per node, which expires unless it is renewed.
CREATE TABLE IF NOT EXISTS ready_candidates (
    lease VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    candidate UUID NOT NULL,
    term BIGINT UNSIGNED NOT NULL,
    strength INT UNSIGNED NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (lease, node)
) ENGINE = InnoDB
