import ClusterModel

/// One row of a VXLAN device's forwarding database: frames to this hardware address go to that node.
package struct ForwardingEntry: Sendable, Hashable {
    /// Whose frames.
    package enum Station: Sendable, Hashable {
        /// All zeros: broadcast, multicast, and what no other row knows. Each such row is one more copy.
        case flood
        case guest(MACAddress)
        /// What is no guest's, such as a multicast address; in the kernel's spelling.
        case other(String)
    }

    /// What a row can have beyond a destination, and ours never have.
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

    /// Reads an address that a program wrote; nil when it is none.
    init?(_ text: String) {
        if text == Self.allZeros {
            self = .flood
        } else if let mac = try? MACAddress(text) {
            self = .guest(mac)
        } else {
            let isAddress = text.utf8.count == 17 && text.allSatisfy { $0 == ":" || $0.isHexDigit }
            guard isAddress else { return nil }
            self = .other(text)
        }
    }
}

/// A row of `bridge -j fdb show`, as far as it concerns us.
package struct ForwardingRow: Sendable, Decodable {
    /// The VXLAN device and the entry: nil for everything that is not a static entry of one of ours.
    ///
    /// The dump also has the rows of other devices, the bridges' own rows (flag `master`), and what was learned here or
    /// by a routing daemon: none of them is ours to judge.
    package let entry: (tunnel: TunnelName, entry: ForwardingEntry)?

    private enum CodingKeys: String, CodingKey {
        case ifname, mac, dst, flags, state, port, vni, viaIf
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard let tunnel = TunnelName(deviceName: try fields.decode(String.self, forKey: .ifname)) else {
            entry = nil
            return
        }
        let text = try fields.decode(String.self, forKey: .mac)
        let flags = try fields.decode([String].self, forKey: .flags)
        let state = try fields.decode(String.self, forKey: .state)
        let isStatic = flags.contains("self") && !flags.contains("extern_learn") && state == "permanent"
        guard isStatic, let destination = try fields.decodeIfPresent(IPv4Address.self, forKey: .dst) else {
            entry = nil
            return
        }
        guard let station = ForwardingEntry.Station(text) else {
            throw DecodingError.dataCorruptedError(forKey: .mac, in: fields, debugDescription: "'\(text)' is no MAC")
        }
        let hasDetour = fields.contains(.port) || fields.contains(.vni) || fields.contains(.viaIf)
        let detour = ForwardingEntry.Detour(
            port: try fields.decodeIfPresent(Int.self, forKey: .port),
            vni: try fields.decodeIfPresent(Int.self, forKey: .vni),
            // A name that cannot stand in a batch is left out: the deletion then fails, and the read-back says so.
            device: try? fields.decodeIfPresent(LinkName.self, forKey: .viaIf)
        )
        entry = (tunnel, ForwardingEntry(station, to: destination, detour: hasDetour ? detour : nil))
    }

    /// Reads the forwarding databases of a namespace.
    static func all(in namespace: String?, run: HostCommandRunner) async throws -> [ForwardingRow] {
        try await run.rows(HostCommand(.bridge, ["-j", "fdb", "show"], namespace: namespace))
    }
}
