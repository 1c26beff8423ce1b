-- What has ended with more dependents than one transaction releases or aborts. The edges to those that are left stand, so that none of
-- them can run; whoever keeps a session goes on with them, batch by batch. The state is kept here because history is forgotten.
CREATE TABLE IF NOT EXISTS cascades (
    dependency UUID NOT NULL,
    state VARCHAR(9) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    ended_at DATETIME(6) NOT NULL,
    PRIMARY KEY (dependency),
    CONSTRAINT cascade_state CHECK (state IN ('complete', 'error', 'aborted', 'cancelled'))
) ENGINE = InnoDB
