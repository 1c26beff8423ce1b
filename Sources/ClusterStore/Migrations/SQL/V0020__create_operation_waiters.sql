-- Who waits for the end of an operation, and where it is rung; written by the waiter, and gone with it or at its expiry.
-- The key leads with the operation: whoever ends a batch looks its ids up by ranges of it, after the COMMIT.
CREATE TABLE IF NOT EXISTS operation_waiters (
    operation UUID NOT NULL,
    doorbell VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (operation, doorbell),
    KEY waiters_by_expiry (expires_at)
) ENGINE = InnoDB
