-- Who asked for the end of an operation, and when which survivor that was cancelled gave a follower back.
ALTER TABLE work_queue
    ADD COLUMN IF NOT EXISTS cancel_requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS unfolded_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS unfolded_from UUID NULL
