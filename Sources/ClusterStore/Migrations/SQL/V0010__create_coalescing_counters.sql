-- What became of every request, by task. Sharded, because a single row would be the hottest of the database.
CREATE TABLE IF NOT EXISTS coalescing_counters (
    task VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    outcome VARCHAR(40) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    shard TINYINT UNSIGNED NOT NULL,
    count BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (task, outcome, shard)
) ENGINE = InnoDB
