-- Finds what waits past its deadline without a walk through the backlog. Of the deadline alone: no change of state touches
-- it, so an operation pays one entry at its enqueue and one delete mark at its end.
ALTER TABLE work_queue ADD INDEX IF NOT EXISTS work_by_deadline (deadline)
