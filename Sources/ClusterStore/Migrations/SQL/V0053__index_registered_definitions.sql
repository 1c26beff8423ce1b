-- Every enqueue reads the definitions of its tasks. The nodes that have one agree on it as a rule, and there may be
-- thousands: by this index each definition is one entry that is read.
ALTER TABLE registered_tasks
    ADD INDEX IF NOT EXISTS registered_definitions (name, kind, coalescible, max_attempts, timeout_microseconds),
    ALGORITHM = INPLACE, LOCK = NONE
