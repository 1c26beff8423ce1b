/// The rules by which a node's kernel drops every frame that leaves the networks' namespaces, unless it was told lately
/// that this node is elected: DHCP, ARP, DNS and whatever else a coordinator says that is dead, stopped or cut off.
///
/// In bridge prerouting, before the bridge learns an address from the frame. The ports are matched by name, so that one
/// which loses its device group falls silent; and the group is what the open gate's element names, so that one element
/// with one timeout stands for all ports.
package enum GateTable {
    static let name = "coplane"
    /// The tables that are made together, by family: the gate itself, and those of ``HostFirewall``.
    static let families: [Family] = [.bridge, .inet, .arp]

    /// A family of tables, by the name that it has for `nft`.
    enum Family: String {
        case bridge, inet, arp

        /// By the number that it has in netlink.
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

    /// The batch that makes the table anew in one transaction, and those of ``HostFirewall`` with it, whatever is
    /// there.
    ///
    /// Also while it is open: it heals whatever somebody did to it, costs 10 to 15 ms, and was seen to let every
    /// frame of a probe through that it let through before, and none that it did not.
    ///
    /// - Parameter time: for how long the gate is open; nil makes it closed.
    /// - Returns: What `nft` takes as its one argument.
    static func script(openFor time: Duration?) -> String {
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
                iifname { "\(GatewayVethName.prefix)*", "\(ExternalVethName.prefix)*" } jump gated
              }
              chain gated {
                iifgroup @live accept
                counter drop
              }
            }

            """ + HostFirewall.script
    }
}

extension Duration {
    /// Rounded towards zero.
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
