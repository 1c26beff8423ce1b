import ClusterModel
import ClusterStore

/// The wanted state of a network's DHCP and DNS server, with its guests.
///
/// Made from one snapshot of the database, so that what is served is the state of one moment.
package struct ServerWanted: Sendable, Hashable {
    package typealias Host = ServerStatements.Row.Guest

    package let id: NetworkID
    package let name: NetworkName
    package let vni: VNI
    package let cidr: CIDR
    package let mtu: MTU
    package let domain: DomainName?
    package let servesDHCP: Bool
    package let servesDNS: Bool
    /// A Boolean value that indicates whether DHCP gives guests a default route.
    package let givesGateway: Bool
    /// The generation that is reached when the server has all this.
    package let generation: UInt64
    /// By address, ascending.
    package let hosts: [Host]
    /// The reasons why guests are left out that are wanted: a sentence each, which names the interface.
    package let objections: [String]

    package init(
        id: NetworkID,
        name: NetworkName,
        vni: VNI,
        cidr: CIDR,
        mtu: MTU,
        domain: DomainName?,
        servesDHCP: Bool,
        servesDNS: Bool,
        givesGateway: Bool = true,
        generation: UInt64,
        hosts: [Host],
        objections: [String] = []
    ) {
        self.id = id
        self.name = name
        self.vni = vni
        self.cidr = cidr
        self.mtu = mtu
        self.domain = domain
        self.servesDHCP = servesDHCP
        self.servesDNS = servesDNS
        self.givesGateway = givesGateway
        self.generation = generation
        self.hosts = hosts.sorted { $0.address < $1.address }
        self.objections = objections
    }

    /// A Boolean value that indicates whether the network has a server at all.
    package var isNeeded: Bool { servesDHCP || servesDNS }

    /// Returns the values of a snapshot, one for each network in it, by VNI.
    package static func all(in rows: [ServerStatements.Row]) -> [ServerWanted] {
        Dictionary(grouping: rows, by: \.network).values
            .map { ServerWanted(ofOneNetwork: $0, first: $0[0]) }
            .sorted { $0.vni < $1.vni }
    }

    private init(ofOneNetwork rows: [ServerStatements.Row], first: ServerStatements.Row) {
        var guests = GuestList(cidr: first.cidr, vni: first.vni)
        // By id, so that of two guests with the same address it is always the same one that gets it. The text of an id
        // is made once: made in the comparison, it cost more than all else of 1,000 guests.
        let byID = rows.map { (id: $0.interface.map { "\($0)" } ?? "", row: $0) }.sorted { $0.id < $1.id }
        for (_, row) in byID { guests.add(row) }
        self.init(
            id: first.network,
            name: first.name,
            vni: first.vni,
            cidr: first.cidr,
            mtu: first.mtu,
            domain: first.domain,
            servesDHCP: first.dhcp,
            servesDNS: first.dns,
            givesGateway: first.gateway,
            generation: first.generation,
            hosts: guests.hosts,
            objections: guests.objections
        )
    }
}
