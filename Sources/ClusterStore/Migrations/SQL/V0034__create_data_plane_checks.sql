-- What each node finds of its own part of the data plane: that its underlay address is on it, that its rules let bridged
-- frames pass, that it has an external bridge.
CREATE TABLE IF NOT EXISTS data_plane_checks (
    node UUID NOT NULL,
    what VARCHAR(31) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    state VARCHAR(6) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    since DATETIME(6) NOT NULL,
    -- Empty where nothing is wrong.
    reason VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (node, what),
    CONSTRAINT data_plane_check_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT data_plane_check_state CHECK (state IN ('ok', 'failed', 'unused')),
    CONSTRAINT data_plane_check_failure_has_a_reason CHECK ((reason = '') = (state <> 'failed'))
) ENGINE = InnoDB
