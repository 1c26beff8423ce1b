-- What each node's worker can run, as it said itself; enqueue validates against it.
CREATE TABLE IF NOT EXISTS registered_tasks (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node UUID NOT NULL,
    kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    coalescible BOOLEAN NOT NULL,
    max_attempts INT UNSIGNED NOT NULL,
    timeout_microseconds BIGINT UNSIGNED NOT NULL,
    registered_at DATETIME(6) NOT NULL,
    PRIMARY KEY (name, node),
    KEY registered_tasks_by_node (node),
    CONSTRAINT registered_task_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT registered_task_kind CHECK (kind IN ('network', 'node_network', 'command'))
) ENGINE = InnoDB
