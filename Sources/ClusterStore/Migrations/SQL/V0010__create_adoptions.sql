-- Requests that were deduplicated: each adopted a waiting operation instead of adding one. Written in batches beside
-- the enqueues, never in their transactions.
CREATE TABLE IF NOT EXISTS adoptions (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    operation UUID NOT NULL,
    requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    adopted_at DATETIME(6) NOT NULL,
    PRIMARY KEY (number),
    KEY adoptions_of (operation),
    KEY adoptions_by_age (adopted_at)
) ENGINE = InnoDB
