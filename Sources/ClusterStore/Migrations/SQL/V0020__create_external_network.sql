-- The external network that the egress of all networks leads to, the same on every node that may be elected: at most
-- one row. Addresses are allocated from first_address to last_address, except for the gateway's.
CREATE TABLE IF NOT EXISTS external_network (
    one TINYINT UNSIGNED NOT NULL DEFAULT 1,
    cidr VARCHAR(18) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    gateway INET4 NOT NULL,
    first_address INET4 NOT NULL,
    last_address INET4 NOT NULL,
    PRIMARY KEY (one),
    CONSTRAINT external_network_is_one CHECK (one = 1),
    CONSTRAINT external_network_range_goes_up CHECK (first_address <= last_address),
    -- The same rules as for networks.cidr.
    CONSTRAINT external_network_cidr_has_its_form CHECK (
        cidr REGEXP '\\A((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}'
            '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/([89]|[12][0-9]|30)\\z'),
    CONSTRAINT external_network_cidr_has_no_host_bits CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) MOD POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) = 0),
    -- The gateway and the ends of the range are hosts of the segment: not its network address, not its broadcast.
    CONSTRAINT external_network_gateway_is_a_host CHECK (
        INET_ATON(CAST(gateway AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2),
    CONSTRAINT external_network_first_address_is_a_host CHECK (
        INET_ATON(CAST(first_address AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2),
    CONSTRAINT external_network_last_address_is_a_host CHECK (
        INET_ATON(CAST(last_address AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2)
) ENGINE = InnoDB
