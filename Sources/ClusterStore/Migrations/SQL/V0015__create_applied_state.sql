-- What each node has applied of each network: the generation that it read before it did so, and the term of the
-- election under which it did. A part has converged when it has reached networks.generation. The foreign keys, on this
-- rarely written table, keep a late writer from leaving rows of a network or a node that has been removed.
CREATE TABLE IF NOT EXISTS applied_state (
    network UUID NOT NULL,
    node UUID NOT NULL,
    what VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    generation BIGINT UNSIGNED NOT NULL,
    term BIGINT UNSIGNED NOT NULL,
    applied_at DATETIME(6) NOT NULL,
    PRIMARY KEY (network, node, what),
    KEY applied_state_by_node (node),
    CONSTRAINT applied_state_network FOREIGN KEY (network) REFERENCES networks (id) ON DELETE CASCADE,
    CONSTRAINT applied_state_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT applied_state_what CHECK (what IN ('mesh', 'dnsmasq', 'egress'))
) ENGINE = InnoDB
