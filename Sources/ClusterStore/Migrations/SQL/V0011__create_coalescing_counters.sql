-- How many requests had which outcome, by task. Sharded, because all writers would wait for the lock of a single row.
CREATE TABLE IF NOT EXISTS coalescing_counters (
    task VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    outcome VARCHAR(40) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shard TINYINT UNSIGNED NOT NULL,
    count BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (task, outcome, shard)
) ENGINE = InnoDB
