import ClusterModel
import MariaDB

/// The statements on what a node's share of the mesh is made of.
package enum MeshStatements {
    /// The facts of one node in one network: that it takes part, or that it hosts a guest.
    package struct Row: Sendable, Hashable {
        package let network: NetworkID
        package let name: NetworkName
        package let vni: VNI
        package let mtu: MTU
        package let generation: UInt64
        package let node: NodeID
        package let underlay: IPv4Address
        /// Nil where the node takes part by its role, or by a guest whose row has no MAC that is one.
        package let mac: MACAddress?

        package init(
            network: NetworkID,
            name: NetworkName,
            vni: VNI,
            mtu: MTU,
            generation: UInt64,
            node: NodeID,
            underlay: IPv4Address,
            mac: MACAddress?
        ) {
            self.network = network
            self.name = name
            self.vni = vni
            self.mtu = mtu
            self.generation = generation
            self.node = node
            self.underlay = underlay
            self.mac = mac
        }
    }

    /// Makes sense of rows of ``WantedStatements``, of which each network's first has its columns.
    static func rows(in found: [MariaDB.Row]) throws -> NetworkRows<Row> {
        var heads: [NetworkID: Row] = [:]
        return try NetworkRows(found) { network, row in
            let node: NodeID = try row.get("node")
            let underlay: IPv4Address = try row.get("underlay_address")
            // Of a guest whose MAC does not parse, the node takes part all the same. (It is the network's server that
            // says so.)
            let mac = try row.get("mac", as: String?.self).flatMap { try? MACAddress($0) }
            if let head = heads[network] { return head.with(node, underlay, mac) }
            let head = Row(
                network: network,
                name: try row.get("name"),
                vni: try row.get("vni"),
                mtu: try row.get("mtu"),
                generation: try row.get("generation"),
                node: node,
                underlay: underlay,
                mac: mac
            )
            heads[network] = head
            return head
        }
    }

    /// A node's part of a network.
    package struct Part: Sendable, Hashable {
        package let network: NetworkName
        package let node: NodeName
    }

    /// The parts that living nodes have not brought to what is wanted of them; only networks without a mark are looked
    /// into.
    package static func behind(limit: Int, on session: borrowing Session) throws -> [Part] {
        try session.query(behindQuery(limit: limit)).map {
            Part(network: try $0.get("network"), node: try $0.get("node"))
        }
    }

    static func behindQuery(limit: Int) -> SQL {
        """
        SELECT p.name AS network, n.name AS node
        FROM (
            SELECT w.id, w.name, w.generation, n.id AS node
            FROM networks AS w STRAIGHT_JOIN nodes AS n
            WHERE NOT \(sql: ConvergenceStatements.isMarkedMeshed) AND n.is_network_node = TRUE
            UNION
            SELECT w.id, w.name, w.generation, i.node
            FROM networks AS w STRAIGHT_JOIN interfaces AS i ON i.network = w.id
            WHERE NOT \(sql: ConvergenceStatements.isMarkedMeshed)) AS p
            STRAIGHT_JOIN nodes AS n ON n.id = p.node
            LEFT JOIN applied_state AS a ON a.network = p.id AND a.node = p.node AND a.what = \(AppliedPart.mesh)
        WHERE (a.generation IS NULL OR a.generation < p.generation) AND \(sql: DataPlaneStatements.hasNetnode("n.id"))
        ORDER BY p.name, n.name LIMIT \(limit)
        """
    }

    /// Returns whether there is a network of a VNI, or of an id, whatever else its row says.
    package static func exists(
        vni: VNI?,
        network: NetworkID? = nil,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try !session.query("SELECT 1 FROM networks WHERE vni = \(vni) OR id = \(network) LIMIT 1").isEmpty
    }

    /// The VNIs of all networks, whatever else their rows say; one that is none is left out.
    package static func vnis(on session: borrowing Session) throws -> Set<VNI> {
        Set(try session.query("SELECT vni FROM networks").compactMap { try? VNI($0.only(Int.self)) })
    }

    /// The VNI of a network; nil when the network is gone.
    package static func vni(of network: NetworkID, on session: borrowing Session) throws -> VNI? {
        try session.query("SELECT vni FROM networks WHERE id = \(network)").first?.only()
    }
}

extension MeshStatements.Row {
    /// The same network with another node in it.
    fileprivate func with(_ node: NodeID, _ underlay: IPv4Address, _ mac: MACAddress?) -> MeshStatements.Row {
        MeshStatements.Row(
            network: network,
            name: name,
            vni: vni,
            mtu: mtu,
            generation: generation,
            node: node,
            underlay: underlay,
            mac: mac
        )
    }
}
