-- Wanted state of the guests' interfaces. The foreign keys, on these cold tables, make removing a network or a node
-- that still has interfaces impossible, whoever tries.
CREATE TABLE IF NOT EXISTS interfaces (
    id UUID NOT NULL,
    network UUID NOT NULL,
    node UUID NOT NULL,
    mac CHAR(17) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    address INET4 NOT NULL,
    hostname VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    added_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY interfaces_by_mac (network, mac),
    UNIQUE KEY interfaces_by_address (network, address),
    UNIQUE KEY interfaces_by_hostname (network, hostname),
    KEY interfaces_by_node (node, network),
    CONSTRAINT interface_network FOREIGN KEY (network) REFERENCES networks (id),
    CONSTRAINT interface_node FOREIGN KEY (node) REFERENCES nodes (id)
) ENGINE = InnoDB
