import ClusterModel
import ClusterStore

/// The sentences that tell what is wrong with the data plane of a node, and what to do; pure.
enum PathReason {
    /// The node at whose end the paths begin, as far as it is known.
    struct Surroundings: Sendable, Hashable {
        let node: ProbePeer
        /// The port at which every node answers.
        let port: UInt16
        /// The reason why this node's own end is at fault; nil when that is not known to be so.
        let ownFault: String?
        /// The device that has the underlay address.
        let device: LocalDevice?
        /// A Boolean value that indicates whether none of several peers answers.
        let isAlone: Bool
    }

    /// Returns what a path is reported as; nil where there is nothing to report.
    static func report(of reading: PathProber.Reading, _ here: Surroundings) -> DataPlaneReport.Path? {
        let there = "\(reading.peer.name) (\(reading.peer.address))"
        let ports = "udp/\(MeshChange.port) and udp/\(here.port)"
        switch reading.verdict {
        case .unknown, .answers: return nil
        case .unreachable(let failure):
            let cause =
                if let fault = here.ownFault {
                    fault
                } else if case .noRoute(let text) = failure {
                    "this node cannot send there (\(text))"
                } else if here.isAlone {
                    "nor does any other node, so look at this node's own link, VLAN and firewall (\(ports))"
                } else {
                    "look at its link, VLAN and address, and at firewalls between (\(ports) have to pass)"
                }
            let reason = "\(there) does not answer over the underlay from \(here.node.address): \(cause)"
            return DataPlaneReport.Path(state: .unreachable, size: nil, reason: reason)
        case .limited(let size):
            return DataPlaneReport.Path(
                state: .limited,
                size: size,
                reason: "datagrams of \(size) bytes to \(there) are lost, shorter ones arrive: \(need(size)) an "
                    + "underlay that carries \(size); raise the MTU of the links between, or lower the network's "
                    + "('network set NAME --mtu')"
            )
        case .fragmented(let size):
            let own = here.device.flatMap { device in
                device.mtu < size ? "the underlay's device \(device.name) has an MTU of \(device.mtu)" : nil
            }
            let link = own ?? "a link on the way carries less than \(size)"
            return DataPlaneReport.Path(
                state: .fragmented,
                size: size,
                reason: "packets to \(there) are sent in pieces: \(link), and \(need(size)) \(size); raise the "
                    + "underlay's MTU, or lower the network's"
            )
        case .refused:
            return DataPlaneReport.Path(
                state: .refused,
                size: nil,
                reason: "\(there) is reached, and refuses udp/\(here.port): its netnode does not run, is of another "
                    + "version or has another network.probe_port, or a firewall rejects it; whether packets of "
                    + "networks arrive there is not known"
            )
        }
    }

    private static func need(_ size: Int) -> String {
        "a network with an MTU of \(size - VXLANOverhead.bytes) needs, with the \(VXLANOverhead.bytes) bytes of VXLAN,"
    }

    /// Finds what is wrong with the node's own end of the underlay; nil when nothing is.
    ///
    /// - Parameters:
    ///   - node: with the address of its row.
    ///   - device: that has the address.
    ///   - addresses: those that the node has.
    /// - Returns: The fault and its remedy.
    static func ownFault(
        of node: ProbePeer,
        on device: LocalDevice?,
        addresses: [(device: String, address: IPv4Address)]
    ) -> String? {
        guard let device else {
            let others = addresses.filter { $0.address.octets[0] != 127 }.prefix(5)
            let named = others.map { "\($0.address) on \($0.device)" }.joined(separator: ", ")
            return "the underlay address \(node.address) of the node's row is on no device of the node, which has "
                + "\(named.isEmpty ? "none" : named): 'node set \(node.name) --underlay ADDRESS'"
        }
        let what = "the device \(device.name), which has the underlay address \(node.address),"
        guard device.isUp else { return "\(what) is down: ip link set dev \(device.name) up" }
        return device.hasCarrier ? nil : "\(what) has no carrier: look at its cable and at the switch's port"
    }

    /// The fault of a node that drops what its bridges forward.
    static let bridgeFilter =
        "a rule or the policy of a chain at 'forward' drops the frames that the networks' bridges forward, because "
        + "net.bridge.bridge-nf-call-iptables is 1 (Docker sets both): set it to 0, or let bridged frames pass, by "
        + "iptables -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT"

    /// Returns what is wrong with the external bridge; nil when nothing is.
    static func externalFault(of bridge: LinkName, _ device: LocalDevice?) -> String? {
        guard let device else { return "there is no bridge '\(bridge)' on this node (network.external_bridge)" }
        return device.isUp ? nil : "the bridge '\(bridge)' is down (network.external_bridge)"
    }
}
