-- Operations that have ended with more dependents than one transaction releases or aborts. The edges to the rest stay,
-- so that none of them can run; any process with a session goes on with them, batch by batch. The state is stored here
-- because history is deleted in time.
CREATE TABLE IF NOT EXISTS cascades (
    dependency UUID NOT NULL,
    state VARCHAR(9) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    ended_at DATETIME(6) NOT NULL,
    PRIMARY KEY (dependency),
    CONSTRAINT cascade_state CHECK (state IN ('complete', 'error', 'aborted', 'cancelled'))
) ENGINE = InnoDB
