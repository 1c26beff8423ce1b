-- As in work_queue. NULL for operations that ended before the column was there, and for those that never could run.
ALTER TABLE finished_operations ADD COLUMN IF NOT EXISTS waited BIGINT UNSIGNED NULL AFTER started_at
