import ClusterModel
import MariaDB

/// The faults of the data plane in the status, by the same rule as `DataPlaneFindings`.
///
/// They are read from the side of the nodes that have them: few nodes have any. Whether there is any at all is asked
/// first, once for all networks; the server would run a subquery with `IN` again for each.
extension StatusStatements {
    /// A condition: packets of `w` are lost between two of its living nodes.
    static let losesPackets: SQL = """
        (EXISTS (SELECT 1 FROM mesh_reachability WHERE \(sql: isLossy))
        AND (COALESCE(
            (SELECT MIN(COALESCE(r.size, 0)) FROM \(sql: lossyPaths) AND f.is_network_node AND t.is_network_node)
                <= w.mtu + \(VXLANOverhead.bytes), FALSE)
        OR w.id IN (
            SELECT i.network FROM interfaces AS i JOIN networks AS v ON v.id = i.network JOIN \(sql: lossyPaths)
                AND NOT (f.is_network_node AND t.is_network_node)
                AND i.node = IF(f.is_network_node, t.id, f.id)
                AND (r.size IS NULL OR r.size <= v.mtu + \(VXLANOverhead.bytes))
                AND (f.is_network_node OR t.is_network_node OR EXISTS (
                    SELECT 1 FROM interfaces AS o WHERE o.node = t.id AND o.network = i.network)))))
        """

    private static let isLossy: SQL = "state IN ('unreachable', 'limited')"

    /// Paths between living nodes on which packets are lost, as tables with their conditions.
    private static let lossyPaths: SQL = """
        mesh_reachability AS r JOIN nodes AS f ON f.id = r.from_node JOIN nodes AS t ON t.id = r.to_node
        WHERE r.\(sql: isLossy)
            AND \(sql: DataPlaneStatements.hasNetnode("f.id")) AND \(sql: DataPlaneStatements.hasNetnode("t.id"))
        """

    /// A condition: a check of a living node of `w` has failed that its packets depend on.
    static let hasFailedCheck: SQL = """
        (EXISTS (SELECT 1 FROM data_plane_checks WHERE state = 'failed')
        AND (EXISTS (SELECT 1 FROM \(sql: failedChecks) AND \(sql: concernsEach) AND n.is_network_node)
        OR w.id IN (
            SELECT i.network FROM interfaces AS i JOIN \(sql: failedChecks) AND \(sql: concernsEach)
                AND i.node = n.id)
        OR w.id IN (
            SELECT x.holder FROM external_addresses AS x JOIN \(sql: failedChecks)
                AND c.what = \(DataPlaneCheck.externalBridge)
                AND n.name = (SELECT holder_node FROM leases
                    WHERE name = \(ElectedLease.networkNode) AND \(sql: LeaseTime.runs()))
                AND (n.is_network_node OR EXISTS (
                    SELECT 1 FROM interfaces AS o WHERE o.node = n.id AND o.network = x.holder)))))
        """

    /// Failed checks of living nodes, as tables with their conditions.
    private static let failedChecks: SQL = """
        data_plane_checks AS c JOIN nodes AS n ON n.id = c.node
        WHERE c.state = 'failed' AND \(sql: DataPlaneStatements.hasNetnode("n.id"))
        """

    /// A condition on a check: each network that its node takes part in depends on it.
    private static let concernsEach: SQL = """
        c.what NOT IN (\(DataPlaneCheck.neighbourTable), \(DataPlaneCheck.externalBridge))
        """
}
