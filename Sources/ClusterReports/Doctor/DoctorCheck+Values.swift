import ClusterModel
import ClusterStore
import MariaDB

extension DoctorCheck {
    /// The parts of the wanted state whose values may be at odds.
    struct WantedValues: Sendable {
        var networks: [NetworkRecord] = []
        var nodes: [NodeRecord] = []
        var external: ExternalNetwork?
        var names: [InterfaceStatements.Name] = []
    }

    static let values = DoctorCheck("values", "networks, nodes and interfaces have values that can work") { session in
        findings(
            of: WantedValues(
                networks: try NetworkStatements.networks(on: session),
                nodes: try NodeStatements.nodes(on: session),
                external: try ExternalStatements.externalNetwork(on: session),
                names: try InterfaceStatements.names(limit: DoctorStatements.mostExamined, on: session)
            )
        )
    }

    /// Judges values that `clusterctl` refuses: of rows that were written past it, or by an earlier version; pure.
    static func findings(of wanted: WantedValues) -> [FindingView] {
        let networks = wanted.networks.flatMap { network in
            objections(to: network, among: wanted).map { objection in
                FindingView(
                    "network '\(network.name)' cannot work as it is: \(objection.text)",
                    remedy: objection.remedy
                )
            }
        }
        let interfaces = wanted.names.compactMap { name -> FindingView? in
            let objection =
                SpecialUseName.objection(to: name.hostname)
                ?? name.domain.flatMap { SpecialUseName.objection(to: name.hostname, in: $0) }
            guard let objection else { return nil }
            return FindingView(
                "the guest of interface \(name.id) in network '\(name.network)' cannot be reached by its host name "
                    + "'\(name.hostname)': \(objection)",
                remedy: "clusterctl interface set \(name.id) --hostname NAME"
            )
        }
        return Array(networks.prefix(mostTold) + interfaces.prefix(mostTold))
    }

    private static func objections(
        to network: NetworkRecord,
        among wanted: WantedValues
    ) -> [(text: String, remedy: String)] {
        let set = "clusterctl network set \(network.name)"
        var objections: [(text: String, remedy: String)] = []
        if network.mtu.rawValue < NetworkDraft.leastMTU {
            let text = "its MTU \(network.mtu) is less than IPv6 needs"
            objections.append((text, "\(set) --mtu \(NetworkDraft.leastMTU)"))
        }
        if let objection = network.domain.flatMap({ SpecialUseName.objection(to: $0) }) {
            objections.append(("of its domain, \(objection)", "\(set) --domain NAME"))
        }
        let replace = "remove the network, and add it with other addresses"
        guard let cidr = network.cidr else {
            return objections + [("its CIDR is none, or has addresses that no host can have", replace)]
        }
        if let node = wanted.nodes.first(where: { cidr.contains($0.underlayAddress) }) {
            let text = "the underlay address \(node.underlayAddress) of node '\(node.name)' lies in its CIDR \(cidr)"
            objections.append((text, replace))
        }
        if let external = wanted.external, external.cidr.overlaps(cidr) {
            objections.append(("its CIDR \(cidr) overlaps with the external network \(external.cidr)", replace))
        }
        return objections
    }
}
