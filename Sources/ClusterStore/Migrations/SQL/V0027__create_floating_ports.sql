-- The ports of a floating address that lead to its guest; one that has none here leads there with all. Who writes them
-- holds the network's row. The places bound their number, as every node has an element for each.
CREATE TABLE IF NOT EXISTS floating_ports (
    address INET4 NOT NULL,
    place TINYINT UNSIGNED NOT NULL,
    transport VARCHAR(3) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    number SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (address, place),
    UNIQUE KEY floating_ports_by_number (address, transport, number),
    CONSTRAINT floating_port_address FOREIGN KEY (address) REFERENCES external_addresses (address) ON DELETE CASCADE,
    CONSTRAINT floating_port_place CHECK (place BETWEEN 1 AND 32),
    CONSTRAINT floating_port_transport CHECK (transport IN ('tcp', 'udp')),
    CONSTRAINT floating_port_number CHECK (number > 0)
) ENGINE = InnoDB
