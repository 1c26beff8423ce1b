import ClusterModel

/// A name that this project gives to a device of a network, made of a prefix and the network's VNI.
///
/// A device is ours only when its whole name is the prefix and a VNI in its canonical spelling: `cobr7` is, `cobr07`,
/// `cobr7x` and `cobr` are not.
package protocol NetworkDeviceName: Sendable, Hashable, CustomStringConvertible {
    static var prefix: String { get }
    var vni: VNI { get }
    init(_ vni: VNI)
}

extension NetworkDeviceName {
    /// Reads a name that the kernel has; nil when the device is not ours.
    package init?(deviceName: String) {
        guard deviceName.hasPrefix(Self.prefix), let vni = try? VNI(String(deviceName.dropFirst(Self.prefix.count)))
        else { return nil }
        self.init(vni)
    }

    /// At most 12 characters; the kernel takes 15.
    package var description: String { "\(Self.prefix)\(vni)" }
}

/// The bridge of a network on a node, `cobr{VNI}`: guests are plugged into it.
package struct BridgeName: NetworkDeviceName {
    package static let prefix = "cobr"
    package let vni: VNI
    package init(_ vni: VNI) { self.vni = vni }
}

/// The VXLAN device of a network on a node, `covx{VNI}`: the bridge's port to the other nodes.
package struct TunnelName: NetworkDeviceName {
    package static let prefix = "covx"
    package let vni: VNI
    package init(_ vni: VNI) { self.vni = vni }
}

/// The node's end of a network's gateway veth, `cogw{VNI}`, a port of the network's bridge; the end inside is `gw0`.
package struct GatewayVethName: NetworkDeviceName {
    package static let prefix = "cogw"
    package let vni: VNI
    package init(_ vni: VNI) { self.vni = vni }
}

/// The node's end of a network's external veth, `coex{VNI}`, a port of the external bridge; the end inside is `ext0`.
package struct ExternalVethName: NetworkDeviceName {
    package static let prefix = "coex"
    package let vni: VNI
    package init(_ vni: VNI) { self.vni = vni }
}

/// The names of what is inside a namespace.
package enum InsideName {
    /// The end of the gateway veth.
    package static let gateway = "gw0"
    /// The end of the external veth.
    package static let external = "ext0"
    /// The tables of the namespace's own gate.
    static let gateTable = "cogate"
}
