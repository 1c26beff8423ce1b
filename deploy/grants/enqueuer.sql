-- The user of role 'enqueuer': clusterctl db grants enqueuer. See docs/decisions/database-roles.md.
GRANT SELECT, INSERT ON `clusterops`.`adoptions` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`coalescing_counters` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT ON `clusterops`.`finished_operations` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`interfaces` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`networks` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`nodes` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT ON `clusterops`.`operation_dependencies` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`operation_waiters` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`queue_pauses` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`registered_tasks` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_enqueuer'@'%';
GRANT SELECT ON `clusterops`.`sessions` TO 'clusterops_enqueuer'@'%';
GRANT SELECT, INSERT, UPDATE (lane, queue_name), DELETE ON `clusterops`.`work_queue` TO 'clusterops_enqueuer'@'%';
