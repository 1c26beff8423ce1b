-- Paths over the underlay on which not everything arrives, each as the node at its beginning reports it. A path that is
-- well has no row: a cluster of which every node reaches every other writes nothing.
CREATE TABLE IF NOT EXISTS mesh_reachability (
    from_node UUID NOT NULL,
    to_node UUID NOT NULL,
    state VARCHAR(11) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- The length in bytes of the datagrams that do not arrive whole, where shorter ones do.
    size SMALLINT UNSIGNED NULL,
    since DATETIME(6) NOT NULL,
    reason VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (from_node, to_node),
    KEY mesh_reachability_by_destination (to_node, state),
    CONSTRAINT mesh_reachability_from FOREIGN KEY (from_node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT mesh_reachability_to FOREIGN KEY (to_node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT mesh_reachability_state CHECK (state IN ('unreachable', 'limited', 'fragmented', 'refused')),
    CONSTRAINT mesh_reachability_size CHECK ((size IS NULL) = (state NOT IN ('limited', 'fragmented'))),
    CONSTRAINT mesh_reachability_is_of_two CHECK (from_node <> to_node)
) ENGINE = InnoDB
