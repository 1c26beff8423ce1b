-- The user of role 'operator': clusterctl db grants operator. See docs/decisions/database-roles.md.
GRANT PROCESS ON *.* TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT ON `clusterops`.`adoptions` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`applied_state` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE ON `clusterops`.`coalescing_counters` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT ON `clusterops`.`finished_operations` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE (node, mac, address, hostname), DELETE ON `clusterops`.`interfaces` TO 'clusterops_operator'@'%';
GRANT SELECT, UPDATE (resignation, resignation_term) ON `clusterops`.`leases` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`network_problems` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE (generation, mtu, domain, dhcp, dns), DELETE ON `clusterops`.`networks` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE (state, underlay_address), DELETE ON `clusterops`.`nodes` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, DELETE ON `clusterops`.`operation_dependencies` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`operation_waiters` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `clusterops`.`queue_pauses` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`registered_tasks` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`schema_migrations` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`sessions` TO 'clusterops_operator'@'%';
GRANT SELECT ON `clusterops`.`supervised_processes` TO 'clusterops_operator'@'%';
GRANT SELECT, INSERT, UPDATE (cancel_requester, cancel_requested_at, state, folded_into, unfolded_at, unfolded_from, unmet, ready_at), UPDATE (lane, queue_name), DELETE ON `clusterops`.`work_queue` TO 'clusterops_operator'@'%';
