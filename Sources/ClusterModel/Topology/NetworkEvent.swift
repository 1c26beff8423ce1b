import DatabaseTime

/// A DHCP event of a network that is kept for `events`.
package struct NetworkEvent: Sendable, Hashable {
    package let at: Timestamp
    package let kind: DHCPEventKind
    package let network: NetworkName
    package let mac: MACAddress
    /// The address that it is about; nil where it is about none.
    package let address: IPv4Address?
    /// The elected node whose server it was.
    package let node: NodeName
    /// The server's words, such as `wrong address`.
    package let detail: String

    package init(
        at: Timestamp,
        kind: DHCPEventKind,
        network: NetworkName,
        mac: MACAddress,
        address: IPv4Address?,
        node: NodeName,
        detail: String
    ) {
        self.at = at
        self.kind = kind
        self.network = network
        self.mac = mac
        self.address = address
        self.node = node
        self.detail = detail
    }
}
