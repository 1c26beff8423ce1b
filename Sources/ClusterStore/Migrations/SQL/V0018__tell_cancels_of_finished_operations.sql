-- The same of operations that have ended.
ALTER TABLE finished_operations
    ADD COLUMN IF NOT EXISTS cancel_requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS unfolded_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS unfolded_from UUID NULL
