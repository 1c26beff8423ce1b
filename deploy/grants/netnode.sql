-- The user of role 'netnode': clusterctl db grants netnode. See docs/decisions/database-roles.md.
GRANT INSERT ON `clusterops`.`adoptions` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`applied_state` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`coalescing_counters` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT ON `clusterops`.`finished_operations` TO 'clusterops_netnode'@'%';
GRANT SELECT ON `clusterops`.`interfaces` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`leases` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`network_problems` TO 'clusterops_netnode'@'%';
GRANT SELECT ON `clusterops`.`networks` TO 'clusterops_netnode'@'%';
GRANT SELECT ON `clusterops`.`nodes` TO 'clusterops_netnode'@'%';
GRANT SELECT, DELETE ON `clusterops`.`operation_dependencies` TO 'clusterops_netnode'@'%';
GRANT SELECT, DELETE ON `clusterops`.`operation_waiters` TO 'clusterops_netnode'@'%';
GRANT SELECT ON `clusterops`.`queue_pauses` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`ready_candidates` TO 'clusterops_netnode'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE (renewals, renewed_at, doorbell, expires_at, dead), DELETE ON `clusterops`.`sessions` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`supervised_processes` TO 'clusterops_netnode'@'%';
GRANT SELECT, INSERT, UPDATE (lane, queue_name), UPDATE (state, session, worker_node, worker_pid, deliveries, claimed_at, started_at, running_key, folded_into, folded_at, unfolded_at, unfolded_from, unmet, ready_at, failures, defer_count, attempt_history), DELETE ON `clusterops`.`work_queue` TO 'clusterops_netnode'@'%';
