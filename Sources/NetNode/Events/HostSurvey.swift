import CNetlink
import ClusterOps
import Glibc
import NIOPosix

/// What a node's kernel has of all networks, asked of the kernel itself in bulk, without starting a program: for looks
/// that happen often and mostly find nothing.
///
/// What is found missing is made by those who read with `ip` and `bridge`; both ways of reading have to agree.
package struct HostSurvey: Sendable {
    /// The node's own devices, by name.
    package let links: [String: Link]
    /// The static rows of our tunnels; nil when they were not asked for.
    package let entries: [VNI: Set<ForwardingEntry>]?
    /// What is behind the names that were asked for.
    package let interiors: [VNI: NamespaceActual.Interior]

    /// What the mesh has, with no rows where they were not asked for.
    package var mesh: MeshActual {
        var actual = MeshActual(Array(links.values), [])
        actual.entries = entries ?? [:]
        return actual
    }

    /// What a network's namespace has.
    package func namespace(_ vni: VNI) -> NamespaceActual {
        NamespaceActual(interior: interiors[vni] ?? .absent, leg: links[LegName(vni).description])
    }

    /// Asks the kernel, on a thread that may block.
    ///
    /// - Parameters:
    ///   - node: the file of the node's own namespace; nil is the process's.
    ///   - names: of the namespaces to look into.
    ///   - withEntries: whether to read the forwarding databases too, which may be long.
    /// - Returns: What there is at this moment.
    /// - Throws: ``NetlinkError`` when one of the answers failed or is not whole: then nothing is known.
    package static func take(
        in node: String? = nil,
        names: [NamespaceName],
        withEntries: Bool
    ) async throws -> HostSurvey {
        try await NIOThreadPool.singleton.runIfActive {
            try uninterrupted { try take(in: node, names: names, withEntries: withEntries) }
        }
    }

    /// How often a look is made again that a change has interrupted: the kernel says so, and what it told is of no use.
    private static let mostInterruptions = 5

    private static func uninterrupted(_ look: () throws -> HostSurvey) throws -> HostSurvey {
        for _ in 0..<mostInterruptions {
            do {
                return try look()
            } catch let error as NetlinkError {
                guard error.number == EINTR else { throw error }
            }
        }
        return try look()
    }

    private static func take(in node: String?, names: [NamespaceName], withEntries: Bool) throws -> HostSurvey {
        let asker = try KernelAsker(node)
        let devices = try asker.devices()
        guard !devices.isEmpty else { throw NetlinkError.malformed("there is not even a loopback device") }
        let numbers = Dictionary(devices.map { ($0.index, $0.name) }) { first, _ in first }
        var interiors: [VNI: NamespaceActual.Interior] = [:]
        for name in names { interiors[name.vni] = try interior(name) }
        return HostSurvey(
            links: Dictionary(devices.map { ($0.name, $0.link(numbers)) }) { first, _ in first },
            entries: withEntries ? try Self.rows(asker, numbers) : nil,
            interiors: interiors
        )
    }

    private static func interior(_ name: NamespaceName) throws(NetlinkError) -> NamespaceActual.Interior {
        switch name.presence {
        case .absent: return .absent
        case .broken: return .broken
        case .present: break
        }
        do {
            return try interior(KernelAsker(name.path))
        } catch {
            // Taken away since.
            guard error.number == ENOENT || error.number == EINVAL else { throw error }
            return error.number == ENOENT ? .absent : .broken
        }
    }

    private static func interior(
        _ asker: borrowing KernelAsker
    ) throws(NetlinkError) -> NamespaceActual.Interior {
        let devices = try asker.devices()
        let gateway = devices.first { $0.name == NamespaceChange.gateway }
        let addresses = try asker.addresses()
        return .present(
            loopbackIsUp: devices.contains { $0.name == "lo" && $0.isUp },
            gateway: gateway.map { device in
                NamespaceActual.Gateway(
                    mac: device.address ?? "",
                    mtu: device.mtu ?? 0,
                    isUp: device.isUp,
                    addresses: Set(addresses.filter { $0.device == device.index }.map(\.address)),
                    peer: device.peer
                )
            }
        )
    }

    private static func rows(
        _ asker: borrowing KernelAsker,
        _ names: [Int: String]
    ) throws -> [VNI: Set<ForwardingEntry>] {
        var entries: [VNI: Set<ForwardingEntry>] = [:]
        for row in try asker.entries(names) {
            guard let entry = row.entry, let tunnel = names[row.device].flatMap({ TunnelName(deviceName: $0) })
            else { continue }
            entries[tunnel.vni, default: []].insert(entry)
        }
        return entries
    }
}

/// A socket on which the kernel answers for one namespace; blocks.
private struct KernelAsker: ~Copyable {
    private let socket: Int32

    init(_ path: String?) throws(NetlinkError) {
        socket = cnetlink_ask(path)
        guard socket >= 0 else {
            throw .refused(attempt: "ask the kernel about \(path ?? "this node's devices")", error: errno)
        }
    }

    deinit {
        close(socket)
    }

    borrowing func devices() throws(NetlinkError) -> [DeviceMessage] {
        try all(CNETLINK_LINKS, of: 16) { payload throws(NetlinkError) in try DeviceMessage(payload) }
    }

    borrowing func addresses() throws(NetlinkError) -> [AddressMessage] {
        try all(CNETLINK_ADDRESSES, of: 20) { payload throws(NetlinkError) in try AddressMessage(payload) }
    }

    borrowing func entries(_ names: [Int: String]) throws(NetlinkError) -> [EntryMessage] {
        try all(CNETLINK_ENTRIES, of: 28) { payload throws(NetlinkError) in try EntryMessage(payload, names: names) }
    }

    private borrowing func all<Row>(
        _ kind: cnetlink_kind,
        of type: UInt16,
        _ read: (ArraySlice<UInt8>) throws(NetlinkError) -> Row
    ) throws(NetlinkError) -> [Row] {
        var answer: UnsafeMutableRawPointer?
        let length = cnetlink_dump(socket, kind, &answer)
        guard length >= 0 else { throw .refused(attempt: "read the kernel's devices and entries", error: errno) }
        defer { free(answer) }
        let bytes = [UInt8](UnsafeRawBufferPointer(start: answer, count: length))
        var rows: [Row] = []
        for message in try NetlinkMessage.all(in: bytes) where message.type == type {
            rows.append(try read(message.payload))
        }
        return rows
    }
}
