-- The nodes that may still have devices of a network that was removed: while one of them has a guest's port, another
-- network of its VNI would let that guest in. Each row is deleted by its node, once that has nothing of the network, and
-- with its node. `network` is the id that the network had, so that a late deletion releases no later hold.
CREATE TABLE IF NOT EXISTS vni_holds (
    vni INT UNSIGNED NOT NULL,
    node UUID NOT NULL,
    network UUID NOT NULL,
    network_name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    since DATETIME(6) NOT NULL,
    -- What the node has found that keeps it; NULL until it has looked.
    devices VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    PRIMARY KEY (vni, node),
    KEY vni_holds_by_node (node),
    CONSTRAINT vni_hold_node FOREIGN KEY (node) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT vni_hold_vni_has_24_bits CHECK (vni BETWEEN 1 AND 16777215)
) ENGINE = InnoDB
