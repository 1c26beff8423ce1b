ALTER TABLE work_queue
    DROP CONSTRAINT IF EXISTS executing_holds_its_target,
    DROP INDEX IF EXISTS one_running,
    DROP COLUMN IF EXISTS running_key
