import ClusterModel

/// One row of a VXLAN device's forwarding database: frames to this hardware address go to that node.
package struct ForwardingEntry: Sendable, Hashable {
    /// The station whose frames a row forwards.
    package enum Station: Sendable, Hashable {
        /// All zeros: broadcast, multicast, and what no other row knows. Each such row is one more copy.
        case flood
        case guest(MACAddress)
        /// An address that is no guest's, such as a multicast address; in the kernel's spelling.
        case other(String)
    }

    /// The details that a row can have beyond a destination, and ours never have.
    package struct Detour: Sendable, Hashable {
        package var port: Int?
        package var vni: Int?
        package var device: LinkName?

        package init(port: Int? = nil, vni: Int? = nil, device: LinkName? = nil) {
            self.port = port
            self.vni = vni
            self.device = device
        }
    }

    package let station: Station
    package let destination: IPv4Address
    package let detour: Detour?

    package init(_ station: Station, to destination: IPv4Address, detour: Detour? = nil) {
        self.station = station
        self.destination = destination
        self.detour = detour
    }
}

extension ForwardingEntry.Station: CustomStringConvertible {
    static let allZeros = "00:00:00:00:00:00"

    /// The hardware address, as `bridge` reads and writes it.
    package var description: String {
        switch self {
        case .flood: Self.allZeros
        case .guest(let mac): mac.description
        case .other(let text): text
        }
    }

    /// Reads an address as the kernel has it; nil when it is none.
    init?(octets: ArraySlice<UInt8>) {
        guard octets.count == 6 else { return nil }
        if let mac = MACAddress(octets) {
            self = .guest(mac)
        } else {
            self = octets.allSatisfy { $0 == 0 } ? .flood : .other(octets.hardwareAddress)
        }
    }
}
