-- The wanted state of the guests' interfaces. The foreign keys, on these rarely written tables, refuse the removal of a
-- network or a node that still has interfaces, whoever attempts it.
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
    CONSTRAINT interface_node FOREIGN KEY (node) REFERENCES nodes (id),
    -- Rows written by hand, too, have to be what the types print: a newline or a comma in a value would become one more
    -- line or field in a DHCP server's file. Two patterns each, because $ also matches before a newline at the end.
    CONSTRAINT interface_mac_is_unicast CHECK (
        mac REGEXP '^[0-9a-f][02468ace](:[0-9a-f][0-9a-f]){5}$' AND mac NOT REGEXP '[^0-9a-f:]'
        AND mac <> '00:00:00:00:00:00'),
    CONSTRAINT interface_hostname_is_a_label CHECK (
        hostname REGEXP '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' AND hostname NOT REGEXP '[^a-z0-9-]')
) ENGINE = InnoDB
