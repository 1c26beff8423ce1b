-- The operations that were retried: one row for each, so that none is retried twice by mistake. A forced retry replaces
-- the row. Written by the transaction that adds the new operation, and forgotten with the old one.
CREATE TABLE IF NOT EXISTS retries (
    operation UUID NOT NULL,
    retried_as UUID NOT NULL,
    requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    retried_at DATETIME(6) NOT NULL,
    PRIMARY KEY (operation),
    CONSTRAINT a_retry_is_another_operation CHECK (retried_as <> operation)
) ENGINE = InnoDB
