-- What keeps a node from applying a network; a row is deleted when its problem is over.
CREATE TABLE IF NOT EXISTS network_problems (
    network UUID NOT NULL,
    node UUID NOT NULL,
    what VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    since DATETIME(6) NOT NULL,
    message VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (network, node, what),
    KEY network_problems_by_node (node),
    CONSTRAINT network_problem_network FOREIGN KEY (network) REFERENCES networks (id) ON DELETE CASCADE,
    CONSTRAINT network_problem_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE
) ENGINE = InnoDB
