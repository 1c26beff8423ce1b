-- When ready_at was last decided: what lies between the two is how long the operation was to wait. A time that is still to
-- come tells that the database's clock has been set back since, and the index finds such rows without a walk.
ALTER TABLE work_queue
    ADD COLUMN IF NOT EXISTS ready_set_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) AFTER ready_at,
    ADD INDEX IF NOT EXISTS work_by_ready_set (ready_set_at)
