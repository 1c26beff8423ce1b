-- Adds an operation to history that could never run, because what it depends on had failed before it was enqueued. An
-- enqueuer has no other way to write history: the id of a live operation is refused, so that no end can be forged.
CREATE PROCEDURE IF NOT EXISTS insert_aborted(
    IN new_id UUID,
    IN new_kind VARCHAR(16) CHARACTER SET ascii,
    IN new_tasks VARCHAR(1100) CHARACTER SET ascii,
    IN new_queue_name VARCHAR(96) CHARACTER SET ascii,
    IN new_lane VARCHAR(24) CHARACTER SET ascii,
    IN new_network UUID,
    IN new_network_name VARCHAR(63) CHARACTER SET ascii,
    IN new_node UUID,
    IN new_node_name VARCHAR(63) CHARACTER SET ascii,
    IN new_interface UUID,
    IN new_parameters MEDIUMTEXT CHARACTER SET utf8mb4,
    IN new_depends_on MEDIUMTEXT CHARACTER SET ascii,
    IN new_runs_after MEDIUMTEXT CHARACTER SET ascii,
    IN new_requester VARCHAR(128) CHARACTER SET utf8mb4,
    IN new_deadline BIGINT,
    IN new_max_attempts INT UNSIGNED,
    IN new_retry_of UUID,
    IN new_coalesce_key VARCHAR(192) CHARACTER SET ascii,
    IN new_exclusive_key VARCHAR(192) CHARACTER SET ascii,
    IN new_unmet INT UNSIGNED,
    IN new_delay BIGINT,
    IN new_error MEDIUMTEXT CHARACTER SET utf8mb4)
    MODIFIES SQL DATA
    SQL SECURITY DEFINER
BEGIN
    IF EXISTS (SELECT 1 FROM work_queue FORCE INDEX (PRIMARY) WHERE id = new_id LOCK IN SHARE MODE) THEN
        SIGNAL SQLSTATE '23000'
            SET MYSQL_ERRNO = 1062, MESSAGE_TEXT = 'Duplicate entry of a live operation for key ''PRIMARY''';
    END IF;
    INSERT INTO finished_operations (
        id, kind, tasks, queue_name, lane, network, network_name, node, node_name, interface, parameters, depends_on,
        runs_after, requester, deadline, max_attempts, retry_of, coalesce_key, exclusive_key, state, unmet, enqueued_at,
        ready_at, deliveries, failures, defer_count, finished_at, error)
    VALUES (
        new_id, new_kind, new_tasks, new_queue_name, new_lane, new_network, new_network_name, new_node, new_node_name,
        new_interface, new_parameters, new_depends_on, new_runs_after, new_requester,
        NOW(6) + INTERVAL new_deadline MICROSECOND, new_max_attempts, new_retry_of, new_coalesce_key, new_exclusive_key,
        'aborted', new_unmet, NOW(6), NOW(6) + INTERVAL new_delay MICROSECOND, 0, 0, 0, NOW(6), new_error);
END
