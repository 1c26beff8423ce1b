-- The user of role 'migrator': clusterctl db grants migrator. See docs/decisions/database-roles.md.
GRANT ALTER, CREATE, INDEX, REFERENCES ON `clusterops`.* TO 'clusterops_migrator'@'%';
GRANT CREATE, SELECT, INSERT, UPDATE ON `clusterops`.`schema_migrations` TO 'clusterops_migrator'@'%';
