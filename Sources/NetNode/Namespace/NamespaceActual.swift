import ChildProcess
import ClusterOps

/// What the kernel has of one network's namespace and its leg.
package struct NamespaceActual: Sendable, Hashable {
    /// What is inside the namespace.
    package enum Interior: Sendable, Hashable {
        case absent
        /// A name without a namespace.
        case broken
        case present(loopbackIsUp: Bool, gateway: Gateway?)
    }

    /// The leg's end inside, `gw0`.
    package struct Gateway: Sendable, Hashable {
        package var mac: String
        package var mtu: Int
        package var isUp: Bool
        /// IPv4 addresses with their prefix lengths, `10.9.0.1/24`.
        package var addresses: Set<String>
        /// The number of its other end on the node; nil when it has none there.
        package var peer: Int?

        package init(mac: String, mtu: Int, isUp: Bool, addresses: Set<String>, peer: Int? = nil) {
            self.peer = peer
            self.mac = mac
            self.mtu = mtu
            self.isUp = isUp
            self.addresses = addresses
        }
    }

    package var interior: Interior
    /// The device named `cogw{VNI}`, of whatever kind.
    package var leg: Link?

    package init(interior: Interior, leg: Link?) {
        self.interior = interior
        self.leg = leg
    }

    /// Reads one namespace; the node's devices have been read before, once for all.
    package static func read(_ name: NamespaceName, links: [String: Link], run: HostCommandRunner) async throws -> Self
    {
        let leg = links[LegName(name.vni).description]
        switch name.presence {
        case .absent: return Self(interior: .absent, leg: leg)
        case .broken: return Self(interior: .broken, leg: leg)
        case .present: break
        }
        let command = HostCommand(.ip, ["-j", "addr", "show"], namespace: name.path)
        let devices: [Device] = try await run.rows(command) { $0.isEmpty ? "there is not even a loopback device" : nil }
        let gateway = devices.first { $0.ifname == NamespaceChange.gateway }
        return Self(
            interior: .present(
                loopbackIsUp: devices.contains { $0.ifname == "lo" && $0.flags.contains("UP") },
                gateway: gateway.map { device in
                    Gateway(
                        mac: device.address ?? "",
                        mtu: device.mtu,
                        isUp: device.flags.contains("UP"),
                        addresses: Set(
                            device.addresses.filter { $0.family == "inet" }.map { "\($0.local ?? "")/\($0.prefixlen)" }
                        ),
                        peer: device.peer
                    )
                }
            ),
            leg: leg
        )
    }

    /// A device as `ip -j addr show` has it.
    private struct Device: Decodable {
        struct Address: Decodable {
            let family: String
            let local: String?
            let prefixlen: Int
        }

        let ifname: String
        let flags: [String]
        let mtu: Int
        let address: String?
        let peer: Int?
        let addresses: [Address]

        private enum CodingKeys: String, CodingKey {
            case ifname, flags, mtu, address
            case peer = "link_index"
            case addresses = "addr_info"
        }
    }
}
