-- What each node has brought about of each network: the generation that it read before it did, and the term of the
-- election under which it did. Converged is what has reached networks.generation. The foreign keys, on this cold table,
-- keep a late writer from leaving rows of a network or a node that is gone.
CREATE TABLE IF NOT EXISTS applied_state (
    network UUID NOT NULL,
    node UUID NOT NULL,
    what VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    generation BIGINT UNSIGNED NOT NULL,
    term BIGINT UNSIGNED NOT NULL,
    applied_at DATETIME(6) NOT NULL,
    PRIMARY KEY (network, node, what),
    KEY applied_state_by_node (node),
    CONSTRAINT applied_state_what CHECK (what IN ('mesh', 'dnsmasq')),
    CONSTRAINT applied_state_network FOREIGN KEY (network) REFERENCES networks (id) ON DELETE CASCADE,
    CONSTRAINT applied_state_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE
) ENGINE = InnoDB
