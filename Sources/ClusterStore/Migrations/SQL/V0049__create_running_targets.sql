-- The exclusive targets that are being worked on: one row each, from the claim to the end of the attempt.
--
-- A table and not a unique key of work_queue. There the rows without a target would stand in front of the first key,
-- and a claim that stands still before its COMMIT may hold the gap between: nothing could be enqueued.
CREATE TABLE IF NOT EXISTS running_targets (
    exclusive_key VARCHAR(192) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    -- The row of work_queue that executes. No foreign key: it would lock rows at every claim.
    operation UUID NOT NULL,
    PRIMARY KEY (exclusive_key)
) ENGINE = InnoDB
