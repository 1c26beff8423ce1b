-- The user of role 'reader': clusterctl db grants reader. See docs/decisions/database-roles.md.
GRANT PROCESS ON *.* TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`adoptions` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`applied_state` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`coalescing_counters` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`finished_operations` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`interfaces` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`leases` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`network_problems` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`networks` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`nodes` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`operation_dependencies` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`queue_pauses` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`registered_tasks` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`sessions` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`supervised_processes` TO 'clusterops_reader'@'%';
GRANT SELECT ON `clusterops`.`work_queue` TO 'clusterops_reader'@'%';
