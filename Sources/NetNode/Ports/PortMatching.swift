import ClusterModel

/// Finds out which guest each port of a network's bridge belongs to; pure.
///
/// A port is known by its device's alias, `clusterops:` and the interface's id, or, as libvirt makes taps, by the
/// guest's hardware address with `fe` as its first octet. Where two ports could be one guest's, it is the one with the
/// alias, and of two alike the older one: a new port takes nothing from a guest that has one.
package struct PortMatching: Sendable, Hashable {
    /// A port of a guest.
    package struct Match: Sendable, Hashable {
        package let device: LinkName
        package let guest: PortsWanted.Guest
    }

    /// A port that belongs to no guest of the network on this node.
    package struct Stranger: Sendable, Hashable {
        /// As the kernel has it.
        package let device: String
        /// A description of it, and of what could be done about it.
        package let reason: String
    }

    /// In the order of the devices' names, as the strangers.
    package let matches: [Match]
    package let strangers: [Stranger]

    /// The beginning of an alias that names an interface.
    package static let aliasPrefix = "clusterops:"
    /// The first octet that libvirt gives a tap in place of the guest's.
    private static let tapOctet: UInt8 = 0xfe

    /// The mark by which a device says whose port it is.
    private enum Mark: Hashable {
        /// An alias; nil when it names no interface.
        case alias(InterfaceID?)
        /// A hardware address without its first octet.
        case tap([UInt8])
        case none

        init(_ port: Link) {
            if let alias = port.alias, alias.hasPrefix(aliasPrefix) {
                // Whatever its hardware address is: one that names another interface is not this one's.
                self = .alias(try? InterfaceID(String(alias.dropFirst(aliasPrefix.count))))
            } else if let mac = port.mac, mac.octets[0] == tapOctet {
                self = .tap(Array(mac.octets.dropFirst()))
            } else {
                self = .none
            }
        }

        /// Both that a guest's port may have.
        static func all(of guest: PortsWanted.Guest) -> [Mark] {
            [.alias(guest.interface), .tap(Array(guest.mac.octets.dropFirst()))]
        }

        var rank: Int { if case .alias = self { 0 } else { 1 } }
    }

    /// Compares ports with what is wanted.
    ///
    /// - Parameters:
    ///   - ports: the devices on the network's bridge that are not ours.
    ///   - wanted: of the network.
    ///   - all: what is wanted of all networks on the node, to tell what a stranger may be.
    package init(_ ports: [Link], _ wanted: PortsWanted, among all: [PortsWanted] = []) {
        var guests: [Mark: [PortsWanted.Guest]] = [:]
        for guest in wanted.guests {
            for mark in Mark.all(of: guest) { guests[mark, default: []].append(guest) }
        }
        var matches: [Match] = []
        var strangers: [Stranger] = []
        var owners: [InterfaceID: String] = [:]
        let marked = ports.map { (port: $0, mark: Mark($0)) }
        // The kernel's numbers rise.
        for (port, mark) in marked.sorted(by: { ($0.mark.rank, $0.port.index) < ($1.mark.rank, $1.port.index) }) {
            let candidates = guests[mark] ?? []
            var reason: String?
            if let device = try? LinkName(port.name) {
                if let guest = candidates.first, candidates.count == 1 {
                    if let owner = owners[guest.interface] {
                        reason = "interface \(guest.interface) has the port '\(owner)' already; unplug one of them"
                    } else {
                        owners[guest.interface] = port.name
                        matches.append(Match(device: device, guest: guest))
                    }
                } else {
                    reason = Self.reason(mark, candidates, in: wanted.vni, among: all)
                }
            } else {
                reason = "a port's name may have letters, digits, '_', '.' and '-' only"
            }
            if let reason { strangers.append(Stranger(device: port.name, reason: reason)) }
        }
        self.matches = matches.sorted { $0.device < $1.device }
        self.strangers = strangers.sorted { $0.device < $1.device }
    }

    private static func reason(
        _ mark: Mark,
        _ candidates: [PortsWanted.Guest],
        in vni: VNI,
        among all: [PortsWanted]
    ) -> String {
        for other in all where other.vni != vni {
            guard let guest = other.guests.first(where: { Mark.all(of: $0).contains(mark) }) else { continue }
            return "it is the port of interface \(guest.interface); plug it into \(BridgeName(other.vni))"
        }
        let setAlias = "set its alias to \(aliasPrefix)UUID"
        switch mark {
        case .alias(let interface?):
            return "interface \(interface) of its alias is not one of the network on this node; "
                + "add or move the interface, or unplug the port"
        case .alias(nil): return "its alias names no interface; \(setAlias), or unplug it"
        case .tap where candidates.count > 1:
            return "\(candidates.count) interfaces have its hardware address; \(setAlias)"
        case .tap:
            return "no interface of the network on this node has its hardware address; "
                + "add or move the interface, \(setAlias), or unplug it"
        case .none: return "it has no alias, and no hardware address as libvirt gives one; \(setAlias), or unplug it"
        }
    }
}
