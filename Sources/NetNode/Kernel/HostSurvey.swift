import CNetlink
import ClusterModel
import Glibc
import NIOPosix

/// A snapshot of what a node's kernel has of all networks, asked of the kernel itself in bulk, without starting a
/// program.
package struct HostSurvey: Sendable {
    /// The node's own devices, by name.
    package let links: [String: Link]
    /// The static rows of our tunnels, of the networks whose rows were asked for.
    package let entries: [VNI: Set<ForwardingEntry>]
    /// The addresses that bridges have static rows of, by the port, of the same networks.
    package let stations: [String: Set<MACAddress>]
    /// The handles of the tables that go with guests' ports, which no other table had before; of those that are there.
    package let tables: [BridgeTableName: UInt64]
    /// The namespaces behind the names that were asked for.
    package let insides: [VNI: Inside]
    /// The traffic that the node's own devices have counted, by their numbers.
    package private(set) var traffic: [Int: DeviceTraffic] = [:]
    /// The number of rows that the kernel gave for this, also of those that mean nothing to us.
    package private(set) var rowsRead = 0
    /// The number of namespaces that were visited for this.
    package private(set) var insidesRead = 0

    /// The networks whose rows are read, device by device: a table with very many rows costs only the survey that
    /// asks for it.
    package enum Rows: Sendable, Hashable {
        case none
        case of(Set<VNI>)
        /// Those of all networks but these, also of those that no network knows of.
        case allBut(Set<VNI>)

        package static let all = Rows.allBut([])

        func contains(_ vni: VNI) -> Bool {
            switch self {
            case .none: false
            case .of(let vnis): vnis.contains(vni)
            case .allBut(let vnis): !vnis.contains(vni)
            }
        }
    }

    /// The namespace behind a name, as a visit found it.
    package struct Inside: Sendable, Hashable {
        /// The kernel's number of the namespace, read before the rest; nil where there is none.
        let number: UInt64?
        package let interior: NamespaceInterior
        /// The kernel's number of the gateway veth's end there; nil where there is none.
        var gatewayIndex: Int?
        /// The external veth's end inside; nil where there is none.
        package var outside: Outside?
    }

    /// The device `ext0` of a namespace, and what goes with it.
    package struct Outside: Sendable, Hashable {
        package let device: NamespaceDevice
        /// The routes that lead outside, and every default route.
        package let routes: [NamespaceRoute]
        /// The number of the last transaction on the namespace's rules.
        package let rules: UInt32
        /// The values of ``EgressSettings/all``.
        package let settings: [String]
    }

    /// Asks the kernel, on a thread that may block.
    ///
    /// - Parameters:
    ///   - node: the file of the node's own namespace; nil is the process's.
    ///   - names: the names of the namespaces to read.
    ///   - rows: the networks whose forwarding databases to read too, which may be long.
    ///   - remembered: what an earlier survey has found behind some of the names, and which is not read again where it
    ///     is the same namespace.
    /// - Returns: The snapshot.
    /// - Throws: ``NetlinkError`` when one of the answers failed or is incomplete: then nothing is known.
    package static func take(
        in node: String? = nil,
        names: [NamespaceName],
        rows: Rows,
        remembered: [VNI: Inside] = [:]
    ) async throws -> HostSurvey {
        try await uninterrupted {
            try await NIOThreadPool.singleton.runIfActive {
                try take(in: node, names: names, rows: rows, remembered: remembered)
            }
        }
    }

    /// Asks the kernel what is inside one namespace, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:rows:)``.
    static func interior(of name: NamespaceName) async throws -> NamespaceInterior {
        try await uninterrupted { try await NIOThreadPool.singleton.runIfActive { try inside(name).interior } }
    }

    /// Asks the kernel for the external veth's end inside one namespace, on a thread that may block.
    ///
    /// - Returns: The device `ext0` and what goes with it; nil when there is none.
    /// - Throws: As ``take(in:names:rows:)``.
    package static func outside(of name: NamespaceName) async throws -> Outside? {
        try await uninterrupted { try await NIOThreadPool.singleton.runIfActive { try inside(name).outside } }
    }

    /// Asks the kernel for the networks in which a node has one of these addresses, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:rows:)``.
    static func networks(of addresses: Set<IPv4Address>, in node: String?) async throws -> [IPv4CIDR] {
        try await uninterrupted {
            try await NIOThreadPool.singleton.runIfActive {
                try KernelAsker(node).addresses().compactMap { message in
                    let parts = message.address.split(separator: "/").map(String.init)
                    guard parts.count == 2, let length = Int(parts[1]), let address = try? IPv4Address(parts[0]),
                        addresses.contains(address)
                    else { return nil }
                    return IPv4CIDR(masking: address, to: length)
                }
            }
        }
    }

    /// The most times that a read that a change has interrupted is made again: the kernel marks its answer, which may
    /// be incomplete.
    static let mostInterruptions = 5
    /// The pause before an interrupted read is made again: a batch that makes a veth ends within some milliseconds.
    private static let pauseOfInterrupted: Duration = .milliseconds(10)

    /// Makes a read again that a change has interrupted, at most ``mostInterruptions`` times.
    ///
    /// - Throws: The error of `read`; an interruption only of the last one.
    static func uninterrupted<Seen>(_ read: () async throws -> Seen) async throws -> Seen {
        for _ in 0..<mostInterruptions {
            do {
                return try await read()
            } catch let error as NetlinkError {
                guard error.isInterruption else { throw error }
            }
            try await Task.sleep(for: pauseOfInterrupted)
        }
        return try await read()
    }

    private static func take(
        in node: String?,
        names: [NamespaceName],
        rows: Rows,
        remembered: [VNI: Inside]
    ) throws -> HostSurvey {
        let asker = try KernelAsker(node)
        let devices = try asker.devices()
        guard !devices.isEmpty else { throw NetlinkError.malformed("there is not even a loopback device") }
        let numbers = Dictionary(devices.map { ($0.index, $0.name) }) { first, _ in first }
        var (insides, insidesRead): ([VNI: Inside], Int) = ([:], 0)
        for name in names {
            if let known = remembered[name.vni], let number = known.number, number == name.number {
                insides[name.vni] = known
            } else {
                insides[name.vni] = try inside(name)
                insidesRead += 1
            }
        }
        let links = Dictionary(devices.map { ($0.name, $0.link(numbers)) }) { first, _ in first }
        let found = try Self.rows(asker, numbers, of: links.values.filter { $0.isOfNetwork(in: rows) })
        return HostSurvey(
            links: links,
            entries: found.entries,
            stations: found.stations,
            tables: try handles(in: node),
            insides: insides,
            traffic: devices.reduce(into: [:]) { $0[$1.index] = $1.traffic },
            rowsRead: found.count,
            insidesRead: insidesRead
        )
    }

    /// Asks the kernel for the tables' handles alone, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:rows:)``.
    static func tables(in node: String?) async throws -> [BridgeTableName: UInt64] {
        try await uninterrupted { try await NIOThreadPool.singleton.runIfActive { try handles(in: node) } }
    }

    /// Asks the kernel for the number of the last transaction on a node's rules, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:rows:)``.
    static func rulesGeneration(in node: String?) async throws -> UInt32 {
        try await uninterrupted {
            try await NIOThreadPool.singleton.runIfActive {
                try KernelAsker(node, about: CNETLINK_RULES).rulesGeneration()
            }
        }
    }

    private static func handles(in node: String?) throws(NetlinkError) -> [BridgeTableName: UInt64] {
        var tables: [BridgeTableName: UInt64] = [:]
        for name in BridgeTableName.allCases { tables[name] = try KernelAsker.bridgeTable(name.rawValue, in: node) }
        return tables
    }

    private static func inside(_ name: NamespaceName) throws(NetlinkError) -> Inside {
        guard let number = name.number else {
            let interior: NamespaceInterior = name.presence == .absent ? .absent : .broken
            return Inside(number: nil, interior: interior)
        }
        do throws(NetlinkError) {
            let askers = try KernelAsker.Both(name.path)
            let messages = try askers.routing.devices(withCounters: false)
            let addresses = try askers.routing.addresses()
            let devices = messages.map { NamespaceDevice($0, addresses) }
            if let objection = NamespaceDevice.objection(to: devices) { throw NetlinkError.malformed(objection) }
            let rules = try askers.rules.rules()
            let gateway = messages.first { $0.name == InsideName.gateway }?.index
            let interior = NamespaceInterior(devices, gateRules: rules.gate)
            var inside = Inside(number: number, interior: interior, gatewayIndex: gateway)
            guard let device = devices.first(where: { $0.name == InsideName.external }) else { return inside }
            let numbers = Dictionary(messages.map { ($0.index, $0.name) }) { first, _ in first }
            let routes = try askers.routing.routes().filter(\.isMain).map { NamespaceRoute($0, numbers) }
            inside.outside = Outside(
                device: device,
                routes: NamespaceRoute.ofEgress(routes),
                rules: rules.generation,
                settings: try KernelAsker.settings(EgressSettings.all.map(\.key), in: name)
            )
            return inside
        } catch {
            // Deleted since the names were read.
            guard error.number == ENOENT || error.number == EINVAL else { throw error }
            return Inside(number: nil, interior: error.number == ENOENT ? .absent : .broken)
        }
    }

    private static func rows(
        _ asker: borrowing KernelAsker,
        _ names: [Int: String],
        of devices: [Link]
    ) throws -> (entries: [VNI: Set<ForwardingEntry>], stations: [String: Set<MACAddress>], count: Int) {
        var entries: [VNI: Set<ForwardingEntry>] = [:]
        var stations: [String: Set<MACAddress>] = [:]
        var count = 0
        for device in devices {
            let rows = try asker.entries(of: device.index, names)
            count += rows.count
            stations[device.name] = Set(rows.compactMap(\.station))
            guard let tunnel = TunnelName(deviceName: device.name) else { continue }
            entries[tunnel.vni] = Set(rows.compactMap(\.entry))
        }
        return (entries, stations, count)
    }
}

extension Link {
    /// Returns whether it is the tunnel or a port of a network whose rows are asked for.
    fileprivate func isOfNetwork(in rows: HostSurvey.Rows) -> Bool {
        let vnis = [TunnelName(deviceName: name)?.vni, master.flatMap { BridgeName(deviceName: $0) }?.vni]
        return vnis.contains { $0.map(rows.contains) ?? false }
    }
}
