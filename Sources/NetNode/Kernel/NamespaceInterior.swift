/// The inside of a namespace.
package enum NamespaceInterior: Sendable, Hashable {
    case absent
    /// A name without a namespace.
    case broken
    case present(loopbackIsUp: Bool, gateway: Gateway?)

    /// Creates the interior of a namespace from its devices.
    ///
    /// - Parameters:
    ///   - devices: all devices of the namespace.
    ///   - gateRules: the rules of the namespace's own gate; nil where they were not read.
    package init(_ devices: [NamespaceDevice], gateRules: [UInt8]? = nil) {
        self = .present(
            loopbackIsUp: devices.contains { $0.name == "lo" && $0.isUp },
            gateway: devices.first { $0.name == InsideName.gateway }.map { Gateway($0, gateRules: gateRules) }
        )
    }

    /// The veth's end inside, `gw0`.
    package struct Gateway: Sendable, Hashable {
        package var mac: String
        package var mtu: Int
        package var isUp: Bool
        /// IPv4 addresses with their prefix lengths, `10.9.0.1/24`.
        package var addresses: Set<String>
        /// The number of its other end on the node; nil when it has none there.
        package var peer: Int?
        /// A Boolean value that indicates whether it takes no IPv6, for which any guest could be the router; nil on a
        /// kernel without IPv6.
        package var isIPv6Disabled: Bool?
        /// Its device group, by number.
        package var group: String
        /// The rules of the namespace's own gate; nil where they were not read.
        package var gateRules: [UInt8]?

        package init(
            mac: String,
            mtu: Int,
            isUp: Bool,
            addresses: Set<String>,
            peer: Int? = nil,
            isIPv6Disabled: Bool? = nil,
            group: String = "0",
            gateRules: [UInt8]? = nil
        ) {
            (self.group, self.gateRules) = (group, gateRules)
            self.peer = peer
            self.isIPv6Disabled = isIPv6Disabled
            self.mac = mac
            self.mtu = mtu
            self.isUp = isUp
            self.addresses = addresses
        }

        init(_ device: NamespaceDevice, gateRules: [UInt8]?) {
            self.init(
                mac: device.mac,
                mtu: device.mtu,
                isUp: device.isUp,
                addresses: Set(device.addresses),
                peer: device.peer,
                isIPv6Disabled: device.isIPv6Disabled,
                group: device.group,
                gateRules: gateRules
            )
        }
    }
}
