-- The machines of the cluster. A node is removed by deleting its row; operations keep its name.
CREATE TABLE IF NOT EXISTS nodes (
    id UUID NOT NULL,
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    underlay_address INET4 NOT NULL,
    is_hypervisor BOOLEAN NOT NULL,
    is_network_node BOOLEAN NOT NULL,
    state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL DEFAULT 'active',
    added_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY nodes_by_name (name),
    UNIQUE KEY nodes_by_underlay_address (underlay_address),
    CONSTRAINT node_state CHECK (state IN ('active', 'draining')),
    CONSTRAINT node_has_a_role CHECK (is_hypervisor OR is_network_node),
    -- A node's name begins the names of its queues: none of them may be a queue of all nodes, or of another node.
    CONSTRAINT node_name_is_no_queue CHECK (name NOT IN ('any', 'networknode') AND name NOT LIKE '%-network'),
    -- \z and not $, which also matches before a newline at the end.
    CONSTRAINT node_name_is_a_label CHECK (name REGEXP '\\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\\z')
) ENGINE = InnoDB
