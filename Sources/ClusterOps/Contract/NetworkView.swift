import MariaDB

/// A network as the `network` commands print it.
public struct NetworkView: Codable, Sendable, Hashable {
    /// What it is known by for as long as it exists.
    public let uuid: NetworkID
    /// Its name.
    public let name: NetworkName
    /// Its VXLAN identifier.
    public let vni: VNI
    /// Its addresses; nil where its row has none that can be read, of which its problems tell.
    @NullWhenUnknown public var cidr: CIDR?
    /// The largest packet it carries.
    public let mtu: MTU
    /// The domain of its guests' names.
    @NullWhenUnknown public var domain: DomainName?
    /// Whether guests get their addresses by DHCP.
    public let dhcp: Bool
    /// Whether guests' names resolve.
    public let dns: Bool
    /// Whether guests reach the outside.
    public let nat: Bool
    /// The address under which they are seen there, unless they have a floating one.
    @NullWhenUnknown public var externalAddress: IPv4Address?
    /// The address of its DHCP and DNS server and router; nil with its CIDR.
    @NullWhenUnknown public var serverAddress: IPv4Address?
    /// Rises with every change to the network or its interfaces.
    public let wantedGeneration: Int
    /// What nodes have brought about.
    public let applied: [AppliedView]
    /// Whether all that should be brought about is, at the wanted generation.
    public let converged: Bool
    /// What keeps nodes from it.
    public let problems: [NetworkProblemView]

    private enum CodingKeys: String, CodingKey {
        case uuid, name, vni, cidr, mtu, domain, dhcp, dns, nat, applied, converged, problems
        case externalAddress = "external_address"
        case serverAddress = "server_address"
        case wantedGeneration = "wanted_generation"
    }
}

/// The generation of a network that a node has brought about.
public struct AppliedView: Codable, Sendable, Hashable {
    /// The node.
    public let node: NodeName
    /// Its part of the network.
    public let what: AppliedPart
    /// The generation that it has read and brought about.
    public let generation: Int
    /// The term of the election under which it did.
    public let term: Int
}

/// What keeps a node from bringing a network about.
public struct NetworkProblemView: Codable, Sendable, Hashable {
    /// The node.
    public let node: NodeName
    /// The part of the network.
    public let what: String
    /// Since when, by the database's clock.
    public let since: Timestamp
    /// A sentence for people.
    public let message: String
}
