-- For how long, in microseconds, the operation could have run and did not, up to its last start or to its fold; each of
-- them adds what has gone by since ready_at and ready_set_at. What waits now is not in it yet.
ALTER TABLE work_queue
    ADD COLUMN IF NOT EXISTS waited BIGINT UNSIGNED NOT NULL DEFAULT 0 AFTER started_at,
    ADD CONSTRAINT IF NOT EXISTS waits_end_with_a_start CHECK (
        waited = 0 OR deliveries > 0 OR folded_at IS NOT NULL)
