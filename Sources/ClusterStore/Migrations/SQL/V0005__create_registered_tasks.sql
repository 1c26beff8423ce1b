-- The tasks that each worker can run, as it registered them; enqueue validates requests against them. Each session has
-- rows of its own, so that two processes of one node do not replace each other's.
CREATE TABLE IF NOT EXISTS registered_tasks (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node UUID NOT NULL,
    kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    coalescible BOOLEAN NOT NULL,
    max_attempts INT UNSIGNED NOT NULL,
    timeout_microseconds BIGINT UNSIGNED NOT NULL,
    registered_at DATETIME(6) NOT NULL,
    -- All zeros: of no session. Such a row goes when a worker of its node registers.
    session UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Why the node cannot run the task, and since when; NULL while no reason is known.
    -- Invisible, so that statements that name no columns are not affected.
    obstacle VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL INVISIBLE,
    obstacle_since DATETIME(6) NULL INVISIBLE,
    PRIMARY KEY (name, node, session),
    KEY registered_tasks_by_node (node),
    KEY registered_tasks_by_session (session),
    CONSTRAINT registered_task_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT registered_task_kind CHECK (kind IN ('network', 'node_network', 'command'))
) ENGINE = InnoDB
