-- `op list` finds what is rare among millions of ended operations from the index alone, without their rows. It replaces the
-- index of the age alone, so that an end still writes as many entries; none of these columns changes after the end.
ALTER TABLE finished_operations
    DROP INDEX IF EXISTS finished_by_age,
    ADD INDEX IF NOT EXISTS finished_list (enqueued_at, id, state, queue_name, network_name, node_name)
