-- The last request of a leader to itself to resign, because the networks' packets do not reach it: for whom, and when,
-- so that leaders do so seldom. One row, whichever node leads; a request of a person is not among them.
CREATE TABLE IF NOT EXISTS data_plane_handovers (
    lease VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- The request in leases that it is about.
    resignation UUID NOT NULL,
    -- The node that is to follow.
    successor VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    requested_at DATETIME(6) NOT NULL,
    PRIMARY KEY (lease)
) ENGINE = InnoDB
