/// The rules by which a node's kernel drops every frame that leaves the networks' namespaces, unless the node has
/// renewed its election lately: DHCP, ARP and DNS of a netnode that is dead, stopped or cut off.
///
/// In bridge prerouting, before the bridge learns an address from the frame. The ports are matched by name, so that the
/// frames of one that loses its device group are dropped; and the open gate's element is the group, so that one element
/// with one timeout is for all ports.
package enum GateTable {
    static let name = "coplane"
    /// The tables that are made together, by family: the gate itself, and those of ``HostFirewall``.
    static let families: [Family] = [.bridge, .inet, .arp]

    /// A family of tables, by the name that it has for `nft`.
    enum Family: String {
        case bridge, inet, arp

        /// Creates a family from its number in netlink.
        init?(number: UInt8) {
            switch number {
            case 1: self = .inet
            case 3: self = .arp
            case 7: self = .bridge
            default: return nil
            }
        }
    }

    /// The device group of every veth.
    package static let group = 4711

    /// The batch that replaces the table and those of ``HostFirewall`` in one transaction.
    ///
    /// An open gate is extended by it as well: it repairs any drift, costs 10 to 15 ms, and in a measurement neither
    /// dropped nor passed a frame in between that it should not.
    ///
    /// - Parameters:
    ///   - time: the time for which the gate is open; nil closes it.
    ///   - access: the nodes whose VXLAN datagrams are taken.
    /// - Returns: The one argument of `nft`.
    static func script(openFor time: Duration?, _ access: UnderlayAccess) -> String {
        let element = time.map { "elements = { \(group) timeout \($0.wholeMilliseconds)ms }" } ?? ""
        // nft 1.0.6 wants a line's end before a closing brace.
        return """
            table bridge \(name)
            delete table bridge \(name)
            table bridge \(name) {
              set live {
                type devgroup
                flags timeout
                \(element)
              }
              chain prerouting {
                type filter hook prerouting priority -300; policy accept;
                \(DeviceRules.each([GatewayVethName.prefix, ExternalVethName.prefix], .from, "jump gated"))
              }
              chain gated {
                iifgroup @live accept
                counter drop
              }
            }

            """ + HostFirewall.script(access)
    }

    /// Returns a listing of `nft` with the elements of each set in one order; the kernel keeps them in any.
    static func inOneOrder(_ listing: String) -> String {
        listing.replacing(/elements = \{([^}]*)\}/) { set in
            let elements = set.1.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }
            return "elements = { \(elements.sorted().joined(separator: ", ")) }"
        }
    }
}

extension Duration {
    /// Rounded towards zero.
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
