-- The user of role 'migrator': clusterctl db grants migrator. See docs/decisions/database-roles.md.
GRANT ALTER, CREATE, CREATE ROUTINE, INDEX, REFERENCES ON `clusterops`.* TO 'clusterops_migrator'@'%';
GRANT CREATE, INSERT ON `clusterops`.`finished_operations` TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT, INSERT, UPDATE ON `clusterops`.`migration_lease` TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT, INSERT ON `clusterops`.`operation_dependencies` TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT, INSERT ON `clusterops`.`running_targets` TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT, INSERT, UPDATE ON `clusterops`.`schema_migrations` TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT ON `clusterops`.`work_queue` TO 'clusterops_migrator'@'%';
