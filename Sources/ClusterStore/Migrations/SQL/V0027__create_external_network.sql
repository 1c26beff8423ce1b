-- What the networks' egress leads to, the same on every node that may be elected: at most one row. Addresses are given
-- out from first_address to last_address, the gateway's left out.
CREATE TABLE IF NOT EXISTS external_network (
    one TINYINT UNSIGNED NOT NULL DEFAULT 1,
    cidr VARCHAR(18) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    gateway INET4 NOT NULL,
    first_address INET4 NOT NULL,
    last_address INET4 NOT NULL,
    PRIMARY KEY (one),
    CONSTRAINT external_network_is_one CHECK (one = 1),
    CONSTRAINT external_network_cidr_has_its_form CHECK (
        cidr REGEXP '^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$' AND cidr NOT REGEXP '[^0-9./]'),
    CONSTRAINT external_network_range_goes_up CHECK (first_address <= last_address)
) ENGINE = InnoDB
