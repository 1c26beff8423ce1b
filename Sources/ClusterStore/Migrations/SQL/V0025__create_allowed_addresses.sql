-- The source addresses that a guest may use besides its interface's own. Who writes them holds the network's row. The
-- places bound their number, as every node has a rule for each.
CREATE TABLE IF NOT EXISTS allowed_addresses (
    interface UUID NOT NULL,
    place TINYINT UNSIGNED NOT NULL,
    cidr VARCHAR(18) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    PRIMARY KEY (interface, place),
    UNIQUE KEY allowed_addresses_by_cidr (interface, cidr),
    CONSTRAINT allowed_address_interface FOREIGN KEY (interface) REFERENCES interfaces (id) ON DELETE CASCADE,
    CONSTRAINT allowed_address_place CHECK (place BETWEEN 1 AND 16),
    -- Octets up to 255 without leading zeros, and a prefix length from 0 to 32.
    CONSTRAINT allowed_address_cidr_has_its_form CHECK (
        cidr REGEXP '\\A((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}'
            '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/([12]?[0-9]|3[0-2])\\z'),
    CONSTRAINT allowed_address_cidr_has_no_host_bits CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) MOD POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) = 0)
) ENGINE = InnoDB
