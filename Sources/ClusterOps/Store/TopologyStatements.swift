import MariaDB

/// The statements that find nodes, networks and interfaces by what people call them.
enum TopologyStatements {
    static func nodeID(_ name: NodeName, on session: borrowing Session) throws -> NodeID? {
        try session.query("SELECT id FROM nodes WHERE name = \(name)").first?.only()
    }

    static func networkID(_ name: NetworkName, on session: borrowing Session) throws -> NetworkID? {
        try session.query("SELECT id FROM networks WHERE name = \(name)").first?.only()
    }

    static func interfaceExists(_ id: InterfaceID, on session: borrowing Session) throws -> Bool {
        try !session.query("SELECT id FROM interfaces WHERE id = \(id)").isEmpty
    }
}
