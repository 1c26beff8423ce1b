import ClusterModel
import MariaDB

/// The statements that find nodes, networks and interfaces by what people call them.
package enum TopologyStatements {
    package static func nodeID(_ name: NodeName, on session: borrowing Session) throws -> NodeID? {
        try session.query("SELECT id FROM nodes WHERE name = \(name)").first?.only()
    }

    package static func networkID(_ name: NetworkName, on session: borrowing Session) throws -> NetworkID? {
        try session.query("SELECT id FROM networks WHERE name = \(name)").first?.only()
    }
}
