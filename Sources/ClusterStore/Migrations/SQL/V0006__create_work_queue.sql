-- The live operations: one row is the job and its state. No foreign keys: they would lock rows at every claim.
-- docs/operations.md has the states and their transitions; the constraints at the end are the same rules.
CREATE TABLE IF NOT EXISTS work_queue (
    id UUID NOT NULL,
    -- The request. It never changes, except for lane and queue_name when a later request is deduplicated into it.
    kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    tasks VARCHAR(1100) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- For claim_by_task. Cut from the text, because a JSON function would refuse a row in which somebody wrote no JSON.
    first_task VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin
        AS (LEFT(SUBSTRING_INDEX(SUBSTRING_INDEX(tasks, '"', 2), '"', -1), 64)) PERSISTENT,
    queue_name VARCHAR(96) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    lane VARCHAR(24) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    network UUID NULL,
    network_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    node UUID NULL,
    node_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    interface UUID NULL,
    parameters MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    depends_on MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    runs_after MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    deadline DATETIME(6) NULL,
    max_attempts INT UNSIGNED NOT NULL,
    retry_of UUID NULL,
    -- The identity of the work: operations with equal keys do the same work and can be folded (coalesce_key), or must
    -- not run at once (exclusive_key).
    coalesce_key VARCHAR(192) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    exclusive_key VARCHAR(192) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    -- Where it stands.
    state VARCHAR(9) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    unmet INT UNSIGNED NOT NULL DEFAULT 0,
    enqueued_at DATETIME(6) NOT NULL,
    ready_at DATETIME(6) NOT NULL,
    -- When ready_at was last decided: the time between the two is how long the operation was to wait. A time in the
    -- future shows that the database's clock has been set back since; work_by_ready_set finds such rows.
    ready_set_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    deliveries INT UNSIGNED NOT NULL DEFAULT 0,
    failures INT UNSIGNED NOT NULL DEFAULT 0,
    defer_count INT UNSIGNED NOT NULL DEFAULT 0,
    session UUID NULL,
    running_key VARCHAR(192) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    folded_into UUID NULL,
    cancel_requested_at DATETIME(6) NULL,
    -- What has happened so far; the next attempt overwrites it, except for the history.
    worker_node VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    worker_pid INT UNSIGNED NULL,
    claimed_at DATETIME(6) NULL,
    started_at DATETIME(6) NULL,
    folded_at DATETIME(6) NULL,
    attempt_history MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    -- Who requested its cancellation.
    cancel_requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    -- When it last went back to its queue as a follower, and the operation into which it had been folded.
    unfolded_at DATETIME(6) NULL,
    unfolded_from UUID NULL,
    PRIMARY KEY (id),
    UNIQUE KEY one_running (running_key),
    KEY claim (queue_name, state, ready_at, id, exclusive_key),
    KEY waiting_siblings (coalesce_key, state, deliveries),
    KEY followers (folded_into),
    KEY work_by_session (session),
    KEY work_by_age (enqueued_at, id),
    -- Finds what waits past its deadline without reading the backlog. No change of state touches the column, so an
    -- operation pays for one entry when it is enqueued and one delete mark when it ends.
    KEY work_by_deadline (deadline),
    -- In a queue that several kinds of worker share, each finds its own work by one range per task, without reading
    -- past the work of the others.
    KEY claim_by_task (queue_name, state, first_task, ready_at, id, exclusive_key),
    KEY work_by_ready_set (ready_set_at),
    CONSTRAINT work_kind CHECK (kind IN ('network', 'node_network', 'command')),
    CONSTRAINT work_lane CHECK (
        lane IN ('user_waiting', 'user_facing', 'user_facing_high_io', 'background', 'background_high_io')),
    CONSTRAINT work_queue_ends_with_lane CHECK (RIGHT(queue_name, LENGTH(lane) + 1) = CONCAT('-', lane)),
    CONSTRAINT work_state CHECK (state IN ('blocked', 'queued', 'executing', 'folded')),
    CONSTRAINT blocked_means_unmet CHECK ((state = 'blocked') = (unmet > 0)),
    CONSTRAINT executing_means_session CHECK ((state = 'executing') = (session IS NOT NULL)),
    CONSTRAINT folded_means_survivor CHECK ((state = 'folded') = (folded_into IS NOT NULL)),
    CONSTRAINT executing_holds_its_target CHECK (
        running_key <=> IF(state = 'executing', exclusive_key, NULL)),
    CONSTRAINT only_a_delivered_one_executes CHECK (state <> 'executing' OR deliveries > 0),
    CONSTRAINT only_a_never_started_one_follows CHECK (state <> 'folded' OR deliveries = 0),
    CONSTRAINT an_identity_has_no_parameters CHECK (coalesce_key IS NULL OR (parameters IS NULL AND unmet = 0)),
    CONSTRAINT node_work_names_its_node CHECK (kind <> 'node_network' OR (node IS NOT NULL AND network IS NOT NULL)),
    CONSTRAINT network_work_names_its_network CHECK (kind <> 'network' OR network IS NOT NULL),
    CONSTRAINT parameters_are_json CHECK (parameters IS NULL OR JSON_VALID(parameters)),
    -- A counter at the end of its type would make the statement that increments it fail for all its rows: no claim, and
    -- so no work from that queue. An operation deferred once a minute reaches this bound after 1,900 years.
    CONSTRAINT counters_are_bounded CHECK (
        deliveries <= 1000000000 AND failures <= 1000000000 AND defer_count <= 1000000000
        AND max_attempts BETWEEN 1 AND 1000000000),
    -- The queue follows from what the operation is: of its queue's name, only the lane may ever change.
    CONSTRAINT work_queue_is_its_targets CHECK (
        queue_name = CONCAT(
            CASE kind
                WHEN 'network' THEN 'networknode'
                WHEN 'node_network' THEN CONCAT(node_name, '-network')
                ELSE COALESCE(node_name, 'any')
            END,
            '-', lane))
) ENGINE = InnoDB
