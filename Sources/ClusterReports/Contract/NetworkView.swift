import ClusterEngine
import ClusterModel
import DatabaseTime
import MariaDB

/// A network as the `network` commands print it.
package struct NetworkView: Codable, Sendable, Hashable {
    /// The identifier of the network, for as long as it exists.
    package let uuid: NetworkID
    /// Its name.
    package let name: NetworkName
    /// Its VXLAN identifier.
    package let vni: VNI
    /// Its addresses; nil where its row has none that can be read, of which its problems tell.
    @NullWhenUnknown package var cidr: CIDR?
    /// The largest packet it carries.
    package let mtu: MTU
    /// The domain of its guests' names.
    @NullWhenUnknown package var domain: DomainName?
    /// A Boolean value that indicates whether guests get their addresses by DHCP.
    package let dhcp: Bool
    /// A Boolean value that indicates whether guests' names resolve.
    package let dns: Bool
    /// A Boolean value that indicates whether guests reach the outside.
    package let nat: Bool
    /// A Boolean value that indicates whether DHCP gives guests a default route.
    package let gateway: Bool
    /// The address under which they are seen there, unless they have a floating one.
    @NullWhenUnknown package var externalAddress: IPv4Address?
    /// A Boolean value that indicates whether guests may use only the addresses of their interfaces.
    package let portSecurity: Bool
    /// The address of its DHCP and DNS server and router; nil with its CIDR.
    @NullWhenUnknown package var serverAddress: IPv4Address?
    /// Rises with every change to the network or its interfaces.
    package let wantedGeneration: Int
    /// The applied state of the network's parts on the nodes.
    package let applied: [AppliedView]
    /// The parts that have not reached the wanted generation, and the nodes that are to apply them.
    package let waitingFor: [WaitingForView]
    /// A Boolean value that indicates whether all that should be applied is applied, at the wanted generation.
    package let converged: Bool
    /// The problems that keep nodes from applying the network.
    package let problems: [NetworkProblemView]

    private enum CodingKeys: String, CodingKey {
        case uuid, name, vni, cidr, mtu, domain, dhcp, dns, nat, gateway, applied, converged, problems
        case externalAddress = "external_address"
        case portSecurity = "port_security"
        case serverAddress = "server_address"
        case wantedGeneration = "wanted_generation"
        case waitingFor = "waiting_for"
    }
}

/// The generation of a network that a node has brought about.
package struct AppliedView: Codable, Sendable, Hashable {
    /// The node.
    package let node: NodeName
    /// Its part of the network.
    package let what: AppliedPart
    /// The generation that it has read and brought about.
    package let generation: Int
    /// The term of the election under which it did.
    package let term: Int
}

/// A part of a network that has not reached the wanted generation.
package struct WaitingForView: Codable, Sendable, Hashable {
    /// The node that is to apply it; null for what the elected node does, while none is elected.
    @NullWhenUnknown package var node: NodeName?
    /// The part of the network.
    package let what: AppliedPart
    /// The generation that it is to reach.
    package let wanted: Int
    /// The generation that it has reached; null for none.
    @NullWhenUnknown package var applied: Int?
    /// A Boolean value that indicates whether the node has a live netnode.
    package let netnodeRuns: Bool

    private enum CodingKeys: String, CodingKey {
        case node, what, wanted, applied
        case netnodeRuns = "netnode_runs"
    }
}

/// A problem that keeps a node from applying a network.
package struct NetworkProblemView: Codable, Sendable, Hashable {
    /// The node.
    package let node: NodeName
    /// The part of the network.
    package let what: String
    /// Since when, by the database's clock.
    package let since: Timestamp
    /// A sentence for people.
    package let message: String
}

extension NetworkSnapshot: Reported {
    /// The network as the `network` commands print it.
    package var view: NetworkView {
        NetworkView(
            uuid: record.id,
            name: record.name,
            vni: record.vni,
            cidr: record.cidr,
            mtu: record.mtu,
            domain: record.domain,
            dhcp: record.dhcp,
            dns: record.dns,
            nat: externalAddress != nil,
            gateway: record.gateway,
            externalAddress: externalAddress,
            portSecurity: record.portSecurity,
            serverAddress: record.cidr?.serverAddress,
            wantedGeneration: record.generation,
            applied: applied.map {
                AppliedView(node: $0.node, what: $0.what, generation: $0.generation, term: $0.term)
            },
            waitingFor: missing.map { part in
                WaitingForView(
                    node: part.node,
                    what: part.what,
                    wanted: record.generation,
                    applied: part.applied,
                    netnodeRuns: part.node.map(withNetnode.contains) ?? false
                )
            },
            converged: converged,
            problems: problems.map {
                NetworkProblemView(node: $0.node, what: $0.what, since: $0.since, message: $0.message)
            }
        )
    }
}
