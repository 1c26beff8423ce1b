import ClusterModel
import ClusterStore

/// One step that brings a network's egress in the kernel to its wanted state.
package enum EgressChange: Sendable, Hashable {
    case deleteVeth
    /// Deletes a device inside that has the name of the veth's end and is another one.
    case deleteInside
    /// It is in its group from the beginning; the gate matches the name all the same.
    case addVeth(mtu: Int)
    case setVethGroup
    case setVethMTU(Int)
    case silenceVeth
    case plugVeth
    /// Keeps frames from the namespace out of the node's own IP stack, also while the veth has no bridge.
    case closeVeth
    case raiseVeth
    case lowerVeth
    case setMAC
    case setMTU(Int)
    case addAddress(String)
    case removeAddress(String)
    /// Opens or closes the namespace's own gate for the veth.
    case setGroup(isOpen: Bool)
    case raise
    case lower
    case addSegmentRoute
    case removeRoute(String)
    case addDefaultRoute
    /// Replaces the table, without the floating addresses that are given.
    case loadTable(without: Set<IPv4Address>)
    case deleteTable
    /// Lets packets pass between guests and outside.
    case startForwarding
    case stopForwarding
    /// Makes the kernel forget the connections of an external address.
    case forgetConnections(IPv4Address)
    /// Sends a gratuitous ARP for each external address: last of all, when the veth's port forwards.
    case sendGratuitousARP

    /// The veth's end inside.
    package static let device = InsideName.external

    /// The place where a step is taken.
    enum Place: Sendable, Hashable {
        /// By a program of its own.
        case alone
        /// In a batch of `ip` on the node.
        case node
        /// In a batch of `ip` inside the namespace.
        case inside
    }

    var place: Place {
        switch self {
        case .deleteVeth, .addVeth, .setVethGroup, .setVethMTU, .silenceVeth, .plugVeth, .raiseVeth, .lowerVeth: .node
        case .setMAC, .setMTU, .setGroup, .addAddress, .removeAddress, .raise, .lower, .deleteInside, .addSegmentRoute,
            .removeRoute,
            .addDefaultRoute, .sendGratuitousARP:
            .inside
        case .closeVeth, .loadTable, .deleteTable, .startForwarding, .stopForwarding, .forgetConnections: .alone
        }
    }

    /// The line of the batch that does it.
    ///
    /// - Parameters:
    ///   - wanted: nil when the network is to have no egress any more.
    ///   - name: of the network's namespace.
    ///   - bridge: that leads outside.
    /// - Returns: The line; nil for a step that has none.
    func batchLine(_ wanted: EgressWanted?, in name: NamespaceName, to bridge: LinkName?) -> String? {
        let (veth, device) = (ExternalVethName(name.vni), Self.device)
        switch self {
        case .deleteVeth: return "link del dev \(veth)"
        case .setVethGroup: return "link set dev \(veth) group \(GateTable.group)"
        case .setVethMTU(let mtu): return "link set dev \(veth) mtu \(mtu)"
        case .silenceVeth: return "link set dev \(veth) addrgenmode none"
        case .plugVeth: return bridge.map { "link set dev \(veth) master \($0)" }
        case .raiseVeth: return "link set dev \(veth) up"
        case .lowerVeth: return "link set dev \(veth) down"
        case .setMTU(let mtu): return "link set dev \(device) mtu \(mtu)"
        case .addAddress(let address): return "addr add \(address) dev \(device)"
        case .removeAddress(let address): return "addr del \(address) dev \(device)"
        case .setGroup(let isOpen): return "link set dev \(device) group \(NamespaceGate.group(isOpen: isOpen))"
        case .raise: return "link set dev \(device) up"
        case .lower: return "link set dev \(device) down"
        case .deleteInside: return "link del dev \(device)"
        case .removeRoute(let dst): return "route del \(dst)"
        default: break
        }
        guard let wanted else { return nil }
        switch self {
        case .addVeth(let mtu):
            return "link add name \(veth) mtu \(mtu) group \(GateTable.group) type veth "
                + "peer name \(device) mtu \(mtu) address \(wanted.mac) netns \(name)"
        // With arp_notify, the kernel sends a gratuitous ARP for all addresses of a device whose hardware address is
        // set, also to the one that it has.
        case .setMAC, .sendGratuitousARP: return "link set dev \(device) address \(wanted.mac)"
        case .addSegmentRoute:
            return "route replace \(wanted.external) dev \(device) proto kernel scope link src \(wanted.address)"
        case .addDefaultRoute: return "route replace default via \(wanted.gateway) dev \(device)"
        default: return nil
        }
    }
}
