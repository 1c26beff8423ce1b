-- The wanted state of the guests' networks. generation rises with every change to the network or its interfaces.
-- Every node leaves out a network whose row does not parse. So the constraints hold rows written by hand, too, to the
-- forms that the types print.
CREATE TABLE IF NOT EXISTS networks (
    id UUID NOT NULL,
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    vni INT UNSIGNED NOT NULL,
    cidr VARCHAR(18) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    mtu SMALLINT UNSIGNED NOT NULL,
    domain VARCHAR(253) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    dhcp BOOLEAN NOT NULL,
    dns BOOLEAN NOT NULL,
    generation BIGINT UNSIGNED NOT NULL DEFAULT 1,
    added_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY networks_by_name (name),
    UNIQUE KEY networks_by_vni (vni),
    CONSTRAINT network_vni_has_24_bits CHECK (vni BETWEEN 1 AND 16777215),
    CONSTRAINT network_mtu_is_sane CHECK (mtu BETWEEN 576 AND 9216),
    CONSTRAINT network_name_has_no_newline CHECK (name NOT REGEXP '[^a-z0-9-]'),
    -- $ also matches before a newline at the end, hence the second pattern.
    CONSTRAINT network_domain_is_labels CHECK (
        domain REGEXP '^([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]*[a-z0-9])?$'
        AND domain NOT REGEXP '[^a-z0-9.-]' AND domain NOT REGEXP '[^.]{64}' AND domain NOT REGEXP '(^|[.])[0-9]+$'),
    -- \z and not $, as above.
    CONSTRAINT network_name_is_a_label CHECK (name REGEXP '\\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\\z'),
    -- Octets up to 255 without leading zeros, and a prefix length from 8 to 30.
    CONSTRAINT network_cidr_has_its_form CHECK (
        cidr REGEXP '\\A((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}'
            '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/([89]|[12][0-9]|30)\\z'),
    CONSTRAINT network_cidr_has_no_host_bits CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) MOD POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) = 0)
) ENGINE = InnoDB
