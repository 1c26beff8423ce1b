import DatabaseTime

/// A DHCP lease that a guest holds.
package struct GuestLease: Sendable, Hashable {
    package let address: IPv4Address
    package let mac: MACAddress
    /// The interface that it belongs to; nil when there is none any more with this MAC and address.
    package let interface: InterfaceID?
    package let hostname: HostName?
    /// The node of the interface.
    package let node: NodeName?
    /// The time at which an elected node first saw it held without a break, by the database's clock.
    package let since: Timestamp
    /// The time at which it ends unless it is renewed.
    package let until: Timestamp
    /// The elected node that saw it last.
    package let server: NodeName

    package init(
        address: IPv4Address,
        mac: MACAddress,
        interface: InterfaceID?,
        hostname: HostName?,
        node: NodeName?,
        since: Timestamp,
        until: Timestamp,
        server: NodeName
    ) {
        self.address = address
        self.mac = mac
        self.interface = interface
        self.hostname = hostname
        self.node = node
        self.since = since
        self.until = until
        self.server = server
    }
}
