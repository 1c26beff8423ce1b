-- The rare thing that an operation is looked up by, of which it has one at most: its primary while it follows; its
-- deadline; its identity while it waits and was never started, as long as it has one. NULL for most operations, and
-- through all their states, so that one index, which they do not rewrite, takes the place of three.
ALTER TABLE work_queue
    ADD COLUMN IF NOT EXISTS lookup_key VARCHAR(192) CHARACTER SET ascii COLLATE ascii_nopad_bin
        AS (CASE
            WHEN state = 'folded' THEN CONCAT('+', CAST(folded_into AS CHAR CHARACTER SET ascii))
            WHEN deadline IS NOT NULL THEN CONCAT('@', CAST(deadline AS CHAR CHARACTER SET ascii))
            WHEN state = 'queued' AND deliveries = 0 THEN coalesce_key
        END) PERSISTENT AFTER exclusive_key,
    ADD INDEX IF NOT EXISTS work_by_lookup (lookup_key),
    DROP INDEX IF EXISTS waiting_siblings,
    DROP INDEX IF EXISTS followers,
    DROP INDEX IF EXISTS work_by_deadline
