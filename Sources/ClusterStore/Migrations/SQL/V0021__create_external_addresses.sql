-- The external addresses in use: a network's own, for its NAT, or an interface's floating IP. One table for both, so
-- that its primary key keeps an address from being allocated twice; the unique key on holder allows each holder one.
CREATE TABLE IF NOT EXISTS external_addresses (
    address INET4 NOT NULL,
    network UUID NOT NULL,
    interface UUID NULL,
    holder UUID NOT NULL,
    given_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (address),
    UNIQUE KEY external_addresses_by_holder (holder),
    KEY external_addresses_by_network (network),
    KEY external_addresses_by_interface (interface),
    CONSTRAINT external_address_holder CHECK (holder = COALESCE(interface, network)),
    CONSTRAINT external_address_network FOREIGN KEY (network) REFERENCES networks (id) ON DELETE CASCADE,
    CONSTRAINT external_address_interface FOREIGN KEY (interface) REFERENCES interfaces (id) ON DELETE CASCADE
) ENGINE = InnoDB
