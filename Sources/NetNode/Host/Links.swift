/// A network device, as `ip -j -d link show` shows it.
///
/// Unknown fields are ignored; a field that is needed and missing is an error.
package struct Link: Sendable, Hashable, Decodable {
    package let name: String
    /// The kernel's number for it, in its namespace; never given twice while that lives.
    package let index: Int
    package let mtu: Int
    package let isUp: Bool
    /// The bridge (or bond) that it is a port of.
    package let master: String?
    /// The device that it stands on, as a VLAN does on a bridge.
    package let lower: String?
    /// `bridge`, `vxlan`, `veth`…; nil for a physical device.
    package let kind: String?
    /// Whether IPv6 gives it an address by itself; nil where the kernel has no IPv6.
    package let ipv6AddressMode: String?
    /// What the node's IP stack takes from it; nil where that was not read: `ip` does not show it.
    package let stack: StackSettings?
    /// Whether it is a bridge that follows who listens to which multicast group.
    package let snoopsMulticast: Bool
    /// What makes it a VXLAN device, if it is one.
    package let tunnel: Tunnel?
    /// Its device group, by number or as /etc/iproute2/group names it.
    package let group: String?
    /// Whether it is a bridge's port that forwards; the kernel takes up to a second after the carrier is there.
    package let isForwarding: Bool

    /// The part of a VXLAN device's parameters that a mesh is made of.
    package struct Tunnel: Sendable, Hashable, Decodable {
        package let id: Int
        package let port: Int
        package let learning: Bool
        /// The address it sends from; nil when the kernel may choose.
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
        isForwarding: Bool = false
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
    }

    private struct Port: Decodable {
        let state: String?
    }

    private struct Bridge: Decodable {
        let snooping: Int

        private enum CodingKeys: String, CodingKey {
            case snooping = "mcast_snooping"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case ifname, ifindex, mtu, flags, master, linkinfo, group
        case lower = "link"
        case addressMode = "inet6_addr_gen_mode"
    }

    private enum InfoKeys: String, CodingKey {
        case kind = "info_kind"
        case data = "info_data"
        case port = "info_slave_data"
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .ifname)
        index = try fields.decode(Int.self, forKey: .ifindex)
        mtu = try fields.decode(Int.self, forKey: .mtu)
        isUp = try fields.decode([String].self, forKey: .flags).contains("UP")
        master = try fields.decodeIfPresent(String.self, forKey: .master)
        lower = try fields.decodeIfPresent(String.self, forKey: .lower)
        ipv6AddressMode = try fields.decodeIfPresent(String.self, forKey: .addressMode)
        group = try fields.decodeIfPresent(String.self, forKey: .group)
        stack = nil
        guard fields.contains(.linkinfo) else {
            (kind, tunnel, snoopsMulticast, isForwarding) = (nil, nil, false, false)
            return
        }
        let info = try fields.nestedContainer(keyedBy: InfoKeys.self, forKey: .linkinfo)
        kind = try info.decodeIfPresent(String.self, forKey: .kind)
        isForwarding = try info.decodeIfPresent(Port.self, forKey: .port)?.state == "forwarding"
        tunnel = kind == "vxlan" ? try info.decode(Tunnel.self, forKey: .data) : nil
        snoopsMulticast = kind == "bridge" ? try info.decode(Bridge.self, forKey: .data).snooping != 0 : false
    }

    /// A Boolean value that indicates whether the node's IP stack is known to take something from it.
    var isOpenToHost: Bool { stack.map { !$0.isClosed } ?? false }

    /// Whether it is the other end of a device that names this number as its peer's.
    func isOtherEnd(of peer: Int?) -> Bool { kind == "veth" && peer == index }

    /// Reads every device of a namespace: its loopback device is among them, so none at all is a failed read.
    package static func all(in namespace: String?, run: HostCommandRunner) async throws -> [Link] {
        try await run.rows(HostCommand(.ip, ["-j", "-d", "link", "show"], namespace: namespace)) {
            $0.isEmpty ? "there is not even a loopback device" : nil
        }
    }
}
