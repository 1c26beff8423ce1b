import ClusterModel
import MariaDB

/// The statements on which addresses the guests of a node may use, and by that on the ports of its bridges.
package enum PortStatements {
    /// The facts of one port of a network on a node, or of a network that has none there.
    package struct Row: Sendable, Hashable {
        /// A port, by the interface that it should be of.
        package struct Port: Sendable, Hashable {
            package let interface: InterfaceID
            package let mac: MACAddress
            package let address: IPv4Address
            /// The source addresses that its guest may use besides its own: in order, none in another one.
            ///
            /// The address of the network's server may lie in one; the guest may not use it.
            package let allowed: [IPv4CIDR]

            package init(interface: InterfaceID, mac: MACAddress, address: IPv4Address, allowed: [IPv4CIDR] = []) {
                self.interface = interface
                self.mac = mac
                self.address = address
                self.allowed = allowed
            }
        }

        /// An interface of which no port can be known as its row stands.
        package struct Unreadable: Sendable, Hashable {
            package let interface: InterfaceID
            /// One line; nothing of the row stands in it as it was found.
            package let reason: String

            package init(interface: InterfaceID, reason: String) {
                self.interface = interface
                self.reason = reason
            }
        }

        package let network: NetworkID
        package let vni: VNI
        /// A Boolean value that indicates whether guests may use only the addresses that their interfaces have.
        package let portSecurity: Bool
        /// The address of the network's server and router, which no guest may use; nil where the network's CIDR cannot
        /// be read.
        package let gateway: IPv4Address?
        /// Nil for a network without interfaces on the node, and for an interface that cannot be read.
        package let port: Port?
        package let unreadable: Unreadable?

        package init(
            network: NetworkID,
            vni: VNI,
            portSecurity: Bool,
            gateway: IPv4Address?,
            port: Port? = nil,
            unreadable: Unreadable? = nil
        ) {
            self.network = network
            self.vni = vni
            self.portSecurity = portSecurity
            self.gateway = gateway
            self.port = port
            self.unreadable = unreadable
        }
    }

    /// Makes sense of rows of ``WantedStatements``, of which each network's first has its columns and no interface;
    /// those of interfaces on other nodes are left out.
    ///
    /// Of a network whose CIDR cannot be read, which is told elsewhere, the guests are known all the same: a node that
    /// starts anew keeps them apart.
    static func rows(in found: [MariaDB.Row]) throws -> NetworkRows<Row> {
        var heads: [NetworkID: Row] = [:]
        let own = try found.filter { row in
            try row.get("vni", as: Int?.self) != nil || row.get("allowed", as: String?.self) != nil
        }
        return try NetworkRows(own) { network, row in
            if let head = heads[network] { return try head.with(row) }
            let head = Row(
                network: network,
                vni: try row.get("vni"),
                portSecurity: try row.get("port_security"),
                gateway: (try? row.get("cidr", as: CIDR.self))?.serverAddress
            )
            heads[network] = head
            return head
        }
    }
}

extension PortStatements.Row {
    /// The same network with the interface of a row.
    fileprivate func with(_ row: MariaDB.Row) throws -> PortStatements.Row {
        let interface: InterfaceID = try row.get("interface")
        let (mac, allowed) = (try row.get("mac", as: String.self), try row.get("allowed", as: String.self))
        let address: IPv4Address = try row.get("address")
        do throws(ValueError) {
            let port = Port(
                interface: interface,
                mac: try MACAddress(mac),
                address: address,
                allowed: try AllowedAddressList(allowed).addresses.withoutNested
            )
            return with(port, nil)
        } catch {
            return with(nil, Unreadable(interface: interface, reason: "\(error)"))
        }
    }

    private func with(_ port: Port?, _ unreadable: Unreadable?) -> PortStatements.Row {
        PortStatements.Row(
            network: network,
            vni: vni,
            portSecurity: portSecurity,
            gateway: gateway,
            port: port,
            unreadable: unreadable
        )
    }
}
