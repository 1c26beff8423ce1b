import ClusterModel
import DatabaseTime
import MariaDB

/// A DHCP lease as `network leases` prints it.
package struct LeaseView: Codable, Sendable, Hashable {
    /// The address that is leased.
    package let address: IPv4Address
    /// The hardware address of the guest that holds it.
    package let mac: MACAddress
    /// The identifier of its interface; null when no interface of the network has this MAC and address any more.
    @NullWhenUnknown package var interface: InterfaceID?
    /// The guest's name in the network; null likewise.
    @NullWhenUnknown package var hostname: HostName?
    /// The node that hosts the guest; null likewise.
    @NullWhenUnknown package var node: NodeName?
    /// The time at which an elected node first saw it held without a break, by the database's clock.
    package let since: Timestamp
    /// The time at which it ends unless the guest renews it.
    package let until: Timestamp
    /// The elected node that saw it last.
    package let server: NodeName
}

extension GuestLease: Reported {
    /// The lease as `network leases` prints it.
    package var view: LeaseView {
        LeaseView(
            address: address,
            mac: mac,
            interface: interface,
            hostname: hostname,
            node: node,
            since: since,
            until: until,
            server: server
        )
    }
}
