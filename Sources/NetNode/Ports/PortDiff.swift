import ClusterModel

/// The steps from what the kernel has to what is wanted of the ports of all networks of a node, and the rules that
/// belong to it; pure.
package struct PortDiff: Sendable, Hashable {
    /// In the order in which they work.
    package private(set) var changes: [PortChange] = []
    /// Of the networks that have any: those with a guest's port, and those whose ports are open.
    package private(set) var rules: [VNI: PortRules] = [:]
    /// The ports that belong to no guest of their network, and are isolated.
    package private(set) var strangers: [VNI: [PortMatching.Stranger]] = [:]

    /// Compares a survey with what is wanted.
    ///
    /// - Parameters:
    ///   - survey: what the kernel has; rows are compared of the ports of which it has them.
    ///   - wanted: of all networks of the node.
    ///   - isServing: whether the node's gateways are those of the cluster.
    package init(from survey: HostSurvey, to wanted: [PortsWanted], isServing: Bool) {
        let ports = Dictionary(grouping: survey.links.values.filter { $0.port != nil }) { $0.master ?? "" }
        for network in wanted {
            let onBridge = ports[BridgeName(network.vni).description] ?? []
            compare(onBridge.filter { !Self.isOurs($0.name) }, to: network, among: wanted, survey.stations)
            if let veth = onBridge.first(where: { $0.name == "\(GatewayVethName(network.vni))" }) {
                set(veth, in: network.vni, to: isServing ? .standard : .closedGateway)
            }
        }
    }

    /// Those of another network are for that one's reconcilers to put where they belong.
    private static func isOurs(_ name: String) -> Bool {
        TunnelName(deviceName: name) != nil || GatewayVethName(deviceName: name) != nil
            || ExternalVethName(deviceName: name) != nil
    }

    private mutating func compare(
        _ ports: [Link],
        to network: PortsWanted,
        among all: [PortsWanted],
        _ stations: [String: Set<MACAddress>]
    ) {
        guard network.isSecured else {
            rules[network.vni] = .open(
                network.vni,
                ports: ports.compactMap { try? LinkName($0.name) },
                members: network.guests.map(\.mac)
            )
            // Those that were guests' ports before; other settings of a port are whose it is.
            for port in ports.sorted(by: { $0.name < $1.name }) where port.port?.isLocked == true {
                set(port, in: network.vni, to: .standard)
                compare(stations, at: port, in: network.vni, to: [])
            }
            return
        }
        let matching = PortMatching(ports, network, among: all)
        let devices = Dictionary(ports.map { ($0.name, $0) }) { first, _ in first }
        for match in matching.matches {
            guard let port = devices[match.device.description] else { continue }
            // Before the port is locked, so that the guest is not kept from it in between.
            compare(stations, at: port, in: network.vni, to: [match.guest.mac])
            set(port, in: network.vni, to: .guest)
        }
        for stranger in matching.strangers {
            guard let port = devices[stranger.device] else { continue }
            set(port, in: network.vni, to: .isolated)
            compare(stations, at: port, in: network.vni, to: [])
        }
        strangers[network.vni] = matching.strangers
        guard !matching.matches.isEmpty else { return }
        rules[network.vni] = PortRules(
            vni: network.vni,
            gateway: network.gateway,
            ports: matching.matches.map {
                PortRules.Port(device: $0.device, mac: $0.guest.mac, sources: $0.guest.sources)
            }
        )
    }

    private mutating func set(_ link: Link, in vni: VNI, to wanted: BridgePort) {
        // One whose name cannot be handed to a program has no rules, and is closed by that.
        guard let have = link.port, have != wanted, let device = try? LinkName(link.name) else { return }
        changes.append(PortChange(vni: vni, device: device, step: .set(wanted)))
        if have.learns, !wanted.learns { changes.append(PortChange(vni: vni, device: device, step: .forgetLearned)) }
    }

    private mutating func compare(
        _ stations: [String: Set<MACAddress>],
        at link: Link,
        in vni: VNI,
        to wanted: Set<MACAddress>
    ) {
        guard let have = stations[link.name], let device = try? LinkName(link.name) else { return }
        changes += wanted.subtracting(have).sorted().map { PortChange(vni: vni, device: device, step: .addStation($0)) }
        changes += have.subtracting(wanted).sorted().map {
            PortChange(vni: vni, device: device, step: .removeStation($0))
        }
    }
}
