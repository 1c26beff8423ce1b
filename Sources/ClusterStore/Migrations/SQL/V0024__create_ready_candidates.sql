-- Who could take a lease over from the holder of a term without a silence: everything runs behind its closed gate.
-- `strength` is how much runs; one row a node, which expires unless it is said again.
CREATE TABLE IF NOT EXISTS ready_candidates (
    lease VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    candidate UUID NOT NULL,
    term BIGINT UNSIGNED NOT NULL,
    strength INT UNSIGNED NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (lease, node)
) ENGINE = InnoDB
