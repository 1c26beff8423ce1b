-- The audit trail: changes of the cluster by people and daemons. A row is written in the transaction that makes the
-- change, is never changed, and goes by age, as history does. No foreign keys: what is removed keeps its rows.
CREATE TABLE IF NOT EXISTS audit_events (
    id UUID NOT NULL,
    happened_at DATETIME(6) NOT NULL,
    kind VARCHAR(31) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- The node, network, interface (its host name) or pattern of queues that was changed.
    subject_name VARCHAR(96) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- Its id, for those that have one.
    subject UUID NULL,
    requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    -- What it is after the change, or was before its removal: an object of JSON.
    new_values VARCHAR(4000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (id),
    KEY audit_events_by_time (happened_at),
    CONSTRAINT audit_event_kind CHECK (kind IN (
        'node added', 'node changed', 'node drained', 'node undrained', 'node removed',
        'network added', 'network changed', 'network removed',
        'interface added', 'interface changed', 'interface removed',
        'external network set', 'external network removed',
        'queue paused', 'queue resumed',
        'leader elected', 'leader resigned', 'leader lost',
        'resignation requested', 'resignation withdrawn', 'resignation refused')),
    CONSTRAINT audit_event_values_are_an_object CHECK (
        JSON_VALID(new_values) AND JSON_TYPE(new_values) = 'OBJECT')
) ENGINE = InnoDB
