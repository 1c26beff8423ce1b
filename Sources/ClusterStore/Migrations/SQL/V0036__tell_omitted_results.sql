-- Why a command that completed has no result although it printed JSON; NULL when nothing was left out.
ALTER TABLE finished_operations
    ADD COLUMN IF NOT EXISTS result_omitted VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL
