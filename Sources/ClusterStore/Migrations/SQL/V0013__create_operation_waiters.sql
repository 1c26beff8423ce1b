-- The processes that wait for the end of an operation, each with its doorbell. A waiter writes its own row, and removes
-- it when it gives up; whoever ends the operation removes it otherwise, and one that has expired is swept. The key
-- begins with the operation, because whoever ends a batch looks up its ids here, after the COMMIT.
CREATE TABLE IF NOT EXISTS operation_waiters (
    operation UUID NOT NULL,
    doorbell VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (operation, doorbell),
    KEY waiters_by_expiry (expires_at)
) ENGINE = InnoDB
