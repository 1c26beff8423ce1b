-- The user of role 'worker': clusterctl db grants worker. See docs/decisions/database-roles.md.
GRANT SELECT, INSERT, DELETE ON `clusterops`.`aborted_dependents` TO 'clusterops_worker'@'%';
GRANT SELECT, DELETE ON `clusterops`.`adoptions` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`attempt_outputs` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, DELETE ON `clusterops`.`cascades` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`coalescing_counters` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, DELETE ON `clusterops`.`finished_operations` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`history_allowance` TO 'clusterops_worker'@'%';
GRANT SELECT ON `clusterops`.`nodes` TO 'clusterops_worker'@'%';
GRANT SELECT, DELETE ON `clusterops`.`operation_dependencies` TO 'clusterops_worker'@'%';
GRANT SELECT, DELETE ON `clusterops`.`operation_labels` TO 'clusterops_worker'@'%';
GRANT SELECT, DELETE ON `clusterops`.`operation_waiters` TO 'clusterops_worker'@'%';
GRANT SELECT ON `clusterops`.`queue_pauses` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, DELETE ON `clusterops`.`registered_tasks` TO 'clusterops_worker'@'%';
GRANT SELECT, DELETE ON `clusterops`.`retries` TO 'clusterops_worker'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, UPDATE (renewals, renewed_at, doorbell, expires_at, dead), DELETE ON `clusterops`.`sessions` TO 'clusterops_worker'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`supervised_processes` TO 'clusterops_worker'@'%';
GRANT SELECT, UPDATE (state, session, worker_node, worker_pid, deliveries, claimed_at, started_at, waited, running_key, folded_into, folded_at, unfolded_at, unfolded_from, unmet, ready_at, ready_set_at, failures, defer_count, attempt_history, lane, queue_name), DELETE ON `clusterops`.`work_queue` TO 'clusterops_worker'@'%';
