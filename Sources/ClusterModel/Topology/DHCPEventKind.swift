/// A kind of exchange between a network's DHCP server and a client.
package enum DHCPEventKind: String, Sendable, Hashable, Codable, CaseIterable {
    /// The server offered a client its address.
    case offer
    /// The server acknowledged a lease.
    case acknowledgement = "ack"
    /// The server refused an address that a client asked for.
    case refusal = "nak"
    /// A client said that its address is in use by another device.
    case decline
    /// A client gave its lease back.
    case release
    /// A client asked whose MAC is no interface of the network.
    case unknownClient = "unknown_mac"
    /// A client asked whose interface has an address that the server does not give to it now.
    case noAddress = "no_address"

    /// The kinds that say that something is wrong, and that are written down.
    package static let notable: [DHCPEventKind] = [.refusal, .decline, .unknownClient, .noAddress]

    /// A Boolean value that indicates whether it says that something is wrong.
    package var isNotable: Bool { Self.notable.contains(self) }
}
