import ClusterModel
import MariaDB

/// The statements on what the DHCP and DNS servers of the networks are made of.
package enum ServerStatements {
    /// The facts of one guest, or of a network that has none.
    package struct Row: Sendable, Hashable {
        /// A guest's interface, as its network's server needs it.
        package struct Guest: Sendable, Hashable {
            package let mac: MACAddress
            package let address: IPv4Address
            package let hostname: HostName

            package init(mac: MACAddress, address: IPv4Address, hostname: HostName) {
                self.mac = mac
                self.address = address
                self.hostname = hostname
            }
        }

        /// A guest's interface that cannot be served as its row stands.
        package struct Unreadable: Sendable, Hashable {
            /// One line; nothing of the row stands in it as it was found.
            package let reason: String

            package init(reason: String) {
                self.reason = reason
            }
        }

        package let network: NetworkID
        package let name: NetworkName
        package let vni: VNI
        package let cidr: CIDR
        package let mtu: MTU
        package let domain: DomainName?
        package let dhcp: Bool
        package let dns: Bool
        /// A Boolean value that indicates whether guests get a default route.
        package let gateway: Bool
        package let generation: UInt64
        /// Nil for a network that has no guests.
        package let interface: InterfaceID?
        /// Nil for a network that has no guests, and for a guest that cannot be read.
        package let guest: Guest?
        package let unreadable: Unreadable?

        package init(
            network: NetworkID,
            name: NetworkName,
            vni: VNI,
            cidr: CIDR,
            mtu: MTU,
            domain: DomainName?,
            dhcp: Bool,
            dns: Bool,
            gateway: Bool = true,
            generation: UInt64,
            interface: InterfaceID? = nil,
            guest: Guest?,
            unreadable: Unreadable? = nil
        ) {
            self.network = network
            self.name = name
            self.vni = vni
            self.cidr = cidr
            self.mtu = mtu
            self.domain = domain
            self.dhcp = dhcp
            self.dns = dns
            self.gateway = gateway
            self.generation = generation
            self.interface = interface
            self.guest = guest
            self.unreadable = unreadable
        }
    }

    /// Makes sense of rows of ``WantedStatements``, of which each network's first has its columns and no guest.
    static func rows(in found: [MariaDB.Row]) throws -> NetworkRows<Row> {
        var heads: [NetworkID: Row] = [:]
        return try NetworkRows(found) { network, row in
            if let head = heads[network] { return try head.with(row) }
            let head = try Row(
                network: network,
                name: row.get("name"),
                vni: row.get("vni"),
                cidr: row.get("cidr"),
                mtu: row.get("mtu"),
                domain: row.get("domain", as: DomainName?.self),
                dhcp: row.get("dhcp"),
                dns: row.get("dns"),
                gateway: row.get("gateway"),
                generation: row.get("generation"),
                guest: nil
            )
            heads[network] = head
            return head
        }
    }

    fileprivate static func guest(in row: MariaDB.Row) throws -> (Row.Guest?, Row.Unreadable?) {
        let (mac, hostname) = (try row.get("mac", as: String.self), try row.get("hostname", as: String.self))
        let address = try row.get("address", as: IPv4Address.self)
        do throws(ValueError) {
            return (Row.Guest(mac: try MACAddress(mac), address: address, hostname: try HostName(hostname)), nil)
        } catch {
            return (nil, Row.Unreadable(reason: "\(error)"))
        }
    }
}

extension ServerStatements.Row {
    /// The same network with the guest of a row, if it has one.
    fileprivate func with(_ row: MariaDB.Row) throws -> ServerStatements.Row {
        let interface = try row.get("interface", as: InterfaceID?.self)
        let (guest, unreadable) = try interface == nil ? (nil, nil) : ServerStatements.guest(in: row)
        return ServerStatements.Row(
            network: network,
            name: name,
            vni: vni,
            cidr: cidr,
            mtu: mtu,
            domain: domain,
            dhcp: dhcp,
            dns: dns,
            gateway: gateway,
            generation: generation,
            interface: interface,
            guest: guest,
            unreadable: unreadable
        )
    }
}
