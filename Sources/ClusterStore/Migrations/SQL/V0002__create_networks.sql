-- Wanted state of the guests' networks. generation rises with every change to the network or its interfaces.
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
    CONSTRAINT network_name_is_a_label CHECK (name REGEXP '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
    CONSTRAINT network_vni_has_24_bits CHECK (vni BETWEEN 1 AND 16777215),
    CONSTRAINT network_mtu_is_sane CHECK (mtu BETWEEN 576 AND 9216)
) ENGINE = InnoDB
