import ClusterModel

/// A network device.
package struct Link: Sendable, Hashable {
    package let name: String
    /// The kernel's number for it, unique in its namespace and not used again.
    package let index: Int
    package let mtu: Int
    package let isUp: Bool
    /// The bridge (or bond) that it is a port of.
    package let master: String?
    /// The lower device, as a bridge is of a VLAN on it.
    package let lower: String?
    /// `bridge`, `vxlan`, `veth`…; nil for a physical device.
    package let kind: String?
    /// The mode in which IPv6 gives it an address by itself; nil where the kernel has no IPv6.
    package let ipv6AddressMode: String?
    /// The settings that decide what the node's IP stack takes from it; nil where they were not read.
    package let stack: StackSettings?
    /// A Boolean value that indicates whether it is a bridge with multicast snooping.
    package let snoopsMulticast: Bool
    /// The parameters that make it a VXLAN device, if it is one.
    package let tunnel: Tunnel?
    /// Its device group, by number.
    package let group: String?
    /// A Boolean value that indicates whether it is a bridge's port that forwards; the kernel takes up to a second
    /// after the carrier is there.
    package let isForwarding: Bool
    /// Its hardware address.
    package let mac: MACAddress?
    /// The text that its maker has put beside its name.
    package let alias: String?
    /// Its settings as a bridge's port; nil when it is none.
    package let port: BridgePort?

    /// The part of a VXLAN device's parameters that a mesh is made of.
    package struct Tunnel: Sendable, Hashable {
        package let id: Int
        package let port: Int
        package let learning: Bool
        /// The address that it sends from; nil when the kernel may choose.
        package let local: String?

        package init(id: Int, port: Int, learning: Bool, local: String?) {
            self.id = id
            self.port = port
            self.learning = learning
            self.local = local
        }
    }

    package init(
        name: String,
        index: Int = 0,
        mtu: Int,
        isUp: Bool,
        master: String?,
        lower: String? = nil,
        kind: String?,
        ipv6AddressMode: String?,
        stack: StackSettings? = nil,
        snoopsMulticast: Bool = false,
        tunnel: Tunnel?,
        group: String? = nil,
        isForwarding: Bool = false,
        mac: MACAddress? = nil,
        alias: String? = nil,
        port: BridgePort? = nil
    ) {
        self.name = name
        self.index = index
        self.mtu = mtu
        self.isUp = isUp
        self.master = master
        self.lower = lower
        self.kind = kind
        self.ipv6AddressMode = ipv6AddressMode
        self.stack = stack
        self.snoopsMulticast = snoopsMulticast
        self.tunnel = tunnel
        self.group = group
        self.isForwarding = isForwarding
        self.mac = mac
        self.alias = alias
        self.port = port
    }

    /// A Boolean value that indicates whether the node's IP stack is known to take something from it.
    var isOpenToHost: Bool { stack.map { !$0.isClosed } ?? false }

    /// Returns whether it is the other end of a device that names this number as its peer's.
    func isOtherEnd(of peer: Int?) -> Bool { kind == "veth" && peer == index }
}
