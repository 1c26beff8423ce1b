import ClusterModel
import Glibc
import NIOPosix

/// A snapshot of what a node's kernel has of all networks, asked of the kernel itself in bulk, without starting a
/// program.
package struct HostSurvey: Sendable {
    /// The node's own devices, by name.
    package let links: [String: Link]
    /// The static rows of our tunnels; nil when they were not asked for.
    package let entries: [VNI: Set<ForwardingEntry>]?
    /// The addresses that bridges have static rows of, by the port; nil when rows were not asked for.
    package let stations: [String: Set<MACAddress>]?
    /// The name of the table of guests' ports, of the bridge family.
    static let portTableName = "coports"
    /// The handle of that table, which no other table had before; nil when there is no such table.
    package let portTable: UInt64?
    /// The interiors behind the names that were asked for.
    package let interiors: [VNI: NamespaceInterior]
    /// The external veths' ends inside, of the networks that have one.
    package let outsides: [VNI: Outside]

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
    ///   - withEntries: whether to read the forwarding databases too, which may be long.
    /// - Returns: The snapshot.
    /// - Throws: ``NetlinkError`` when one of the answers failed or is incomplete: then nothing is known.
    package static func take(
        in node: String? = nil,
        names: [NamespaceName],
        withEntries: Bool
    ) async throws -> HostSurvey {
        try await uninterrupted {
            try await NIOThreadPool.singleton.runIfActive {
                try take(in: node, names: names, withEntries: withEntries)
            }
        }
    }

    /// Asks the kernel what is inside one namespace, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:withEntries:)``.
    static func interior(of name: NamespaceName) async throws -> NamespaceInterior {
        try await uninterrupted { try await NIOThreadPool.singleton.runIfActive { try inside(name).0 } }
    }

    /// Asks the kernel for the external veth's end inside one namespace, on a thread that may block.
    ///
    /// - Returns: The device `ext0` and what goes with it; nil when there is none.
    /// - Throws: As ``take(in:names:withEntries:)``.
    package static func outside(of name: NamespaceName) async throws -> Outside? {
        try await uninterrupted { try await NIOThreadPool.singleton.runIfActive { try inside(name).1 } }
    }

    /// Asks the kernel for the networks in which a node has one of these addresses, on a thread that may block.
    ///
    /// - Throws: As ``take(in:names:withEntries:)``.
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

    private static func take(in node: String?, names: [NamespaceName], withEntries: Bool) throws -> HostSurvey {
        let asker = try KernelAsker(node)
        let devices = try asker.devices()
        guard !devices.isEmpty else { throw NetlinkError.malformed("there is not even a loopback device") }
        let numbers = Dictionary(devices.map { ($0.index, $0.name) }) { first, _ in first }
        var interiors: [VNI: NamespaceInterior] = [:]
        var outsides: [VNI: Outside] = [:]
        for name in names { (interiors[name.vni], outsides[name.vni]) = try inside(name) }
        let rows = withEntries ? try Self.rows(asker, numbers) : nil
        return HostSurvey(
            links: Dictionary(devices.map { ($0.name, $0.link(numbers)) }) { first, _ in first },
            entries: rows?.entries,
            stations: rows?.stations,
            portTable: try KernelAsker.bridgeTable(portTableName, in: node),
            interiors: interiors,
            outsides: outsides
        )
    }

    private static func inside(_ name: NamespaceName) throws(NetlinkError) -> (NamespaceInterior, Outside?) {
        switch name.presence {
        case .absent: return (.absent, nil)
        case .broken: return (.broken, nil)
        case .present: break
        }
        do throws(NetlinkError) {
            let asker = try KernelAsker(name.path)
            let (messages, addresses) = (try asker.devices(), try asker.addresses())
            let devices = messages.map { NamespaceDevice($0, addresses) }
            if let objection = NamespaceDevice.objection(to: devices) { throw NetlinkError.malformed(objection) }
            let rules = try KernelAsker.rules(in: name)
            let interior = NamespaceInterior(devices, gateRules: rules.gate)
            guard let device = devices.first(where: { $0.name == InsideName.external }) else { return (interior, nil) }
            let numbers = Dictionary(messages.map { ($0.index, $0.name) }) { first, _ in first }
            let routes = try asker.routes().filter(\.isMain).map { NamespaceRoute($0, numbers) }
            let outside = Outside(
                device: device,
                routes: NamespaceRoute.ofEgress(routes),
                rules: rules.generation,
                settings: try KernelAsker.settings(EgressSettings.all.map(\.key), in: name)
            )
            return (interior, outside)
        } catch {
            // Deleted since the names were read.
            guard error.number == ENOENT || error.number == EINVAL else { throw error }
            return (error.number == ENOENT ? .absent : .broken, nil)
        }
    }

    private static func rows(
        _ asker: borrowing KernelAsker,
        _ names: [Int: String]
    ) throws -> (entries: [VNI: Set<ForwardingEntry>], stations: [String: Set<MACAddress>]) {
        var entries: [VNI: Set<ForwardingEntry>] = [:]
        var stations: [String: Set<MACAddress>] = [:]
        for row in try asker.entries(names) {
            guard let device = names[row.device] else { continue }
            if let station = row.station { stations[device, default: []].insert(station) }
            guard let entry = row.entry, let tunnel = TunnelName(deviceName: device) else { continue }
            entries[tunnel.vni, default: []].insert(entry)
        }
        return (entries, stations)
    }
}
