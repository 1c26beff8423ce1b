-- The DHCP leases that guests hold, as the elected node last read them from its servers. A row outlives its server, and
-- the term of the node, until the lease ends: the guest goes by it as well. So a removal of a node takes none away.
CREATE TABLE IF NOT EXISTS dhcp_leases (
    network UUID NOT NULL,
    address INET4 NOT NULL,
    mac CHAR(17) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- When an elected node first saw this MAC hold it without a break.
    since DATETIME(6) NOT NULL,
    ends_at DATETIME(6) NOT NULL,
    -- The node that gave it or saw it last, and the term under which it did.
    node_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    term BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (network, address),
    KEY dhcp_leases_by_end (ends_at),
    CONSTRAINT dhcp_lease_network FOREIGN KEY (network) REFERENCES networks (id) ON DELETE CASCADE
) ENGINE = InnoDB
