-- Every node reads the few that have the network role, each five seconds.
CREATE INDEX IF NOT EXISTS nodes_by_network_role ON nodes (is_network_node, name)
