-- DHCP events that say that something is wrong, for `events`: at most one a minute for each network, kind and client,
-- whichever node writes it and however often it is written again. No foreign key: they go by age, and not all in the
-- transaction that removes a network.
CREATE TABLE IF NOT EXISTS network_events (
    network UUID NOT NULL,
    kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    mac CHAR(17) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- Minutes from 2020 to `happened_at`.
    in_minute INT UNSIGNED NOT NULL,
    happened_at DATETIME(6) NOT NULL,
    network_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    node_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    address INET4 NULL,
    detail VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (network, kind, mac, in_minute),
    KEY network_events_by_time (happened_at),
    CONSTRAINT network_event_kind CHECK (kind IN ('nak', 'decline', 'unknown_mac', 'no_address'))
) ENGINE = InnoDB
