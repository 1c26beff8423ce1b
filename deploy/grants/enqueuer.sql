-- The user of role 'enqueuer': clusterctl db grants enqueuer. See docs/decisions/database-roles.md.
GRANT SELECT, INSERT ON `clusterops`.`aborted_dependents` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT ON `clusterops`.`adoptions` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`attempt_outputs` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`coalescing_counters` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`finished_operations` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`interfaces` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`networks` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`nodes` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT ON `clusterops`.`operation_labels` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`operation_waiters` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`queue_pauses` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`registered_tasks` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`retries` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`sessions` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT (id, kind, tasks, queue_name, lane, network, network_name, node, node_name, interface, parameters, depends_on, runs_after, requester, deadline, max_attempts, retry_of, coalesce_key, exclusive_key, state, unmet, enqueued_at, ready_at), UPDATE (lane, queue_name) ON `clusterops`.`work_queue` TO 'clusterops_enqueuer'@'%';
GRANT EXECUTE ON PROCEDURE `clusterops`.`insert_aborted` TO 'clusterops_enqueuer'@'%';
GRANT EXECUTE ON PROCEDURE `clusterops`.`record_edges` TO 'clusterops_enqueuer'@'%';
