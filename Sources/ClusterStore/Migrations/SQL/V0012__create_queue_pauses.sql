-- Rules that pause queues, each with its reason. A pattern is a queue's name, in which * stands for any characters.
CREATE TABLE IF NOT EXISTS queue_pauses (
    pattern VARCHAR(96) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    paused_at DATETIME(6) NOT NULL,
    PRIMARY KEY (pattern)
) ENGINE = InnoDB
