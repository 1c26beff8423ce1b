-- Whose queue an operation waits in follows from what it is: of its queue's name, only the lane may ever change.
ALTER TABLE work_queue
    DROP CONSTRAINT IF EXISTS work_queue_is_its_targets,
    ADD CONSTRAINT work_queue_is_its_targets CHECK (
        queue_name = CONCAT(
            CASE kind
                WHEN 'network' THEN 'networknode'
                WHEN 'node_network' THEN CONCAT(node_name, '-network')
                ELSE COALESCE(node_name, 'any')
            END,
            '-', lane))
