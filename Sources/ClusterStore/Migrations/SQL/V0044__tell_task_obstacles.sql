-- Why a node cannot run a task that it has registered, and since when; NULL while nothing is known against it.
-- Invisible, so that statements which name no columns go on as before.
ALTER TABLE registered_tasks
    ADD COLUMN IF NOT EXISTS obstacle VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL INVISIBLE,
    ADD COLUMN IF NOT EXISTS obstacle_since DATETIME(6) NULL INVISIBLE
