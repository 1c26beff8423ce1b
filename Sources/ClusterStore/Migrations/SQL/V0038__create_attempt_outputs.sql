-- What commands print: of each stream the end, while the command runs and afterwards. It belongs to the operation, live
-- or ended, and is deleted with it from history.
CREATE TABLE IF NOT EXISTS attempt_outputs (
    operation UUID NOT NULL,
    -- The attempt, by the number of its delivery: none but the session of that delivery writes its rows.
    delivery INT UNSIGNED NOT NULL,
    -- The place of the task in the operation's list, from 0.
    task_place TINYINT UNSIGNED NOT NULL,
    stream VARCHAR(6) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    tail MEDIUMBLOB NOT NULL,
    -- Bytes that were printed in all. It only grows, so that of two writes the later output stays, in whatever order
    -- they come.
    total_bytes BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (operation, delivery, task_place, stream),
    CONSTRAINT attempt_output_stream CHECK (stream IN ('stdout', 'stderr')),
    CONSTRAINT attempt_output_tail CHECK (OCTET_LENGTH(tail) <= 65536 AND OCTET_LENGTH(tail) <= total_bytes)
) ENGINE = InnoDB
