-- A counter at the end of its type would make the statement fail that counts on, for all rows of that statement: no claim, and
-- so no work of the queue. An operation that is deferred once a minute is at this bound after 1,900 years.
ALTER TABLE work_queue
    ADD CONSTRAINT counters_are_bounded CHECK (
        deliveries <= 1000000000 AND failures <= 1000000000 AND defer_count <= 1000000000
        AND max_attempts BETWEEN 1 AND 1000000000)
