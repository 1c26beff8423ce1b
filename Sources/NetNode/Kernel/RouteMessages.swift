import ClusterModel

/// A device as rtnetlink reports it, in a dump or in an event.
package struct DeviceMessage: Sendable, Hashable {
    package let index: Int
    package let name: String
    package let mtu: Int?
    package let isUp: Bool
    package let address: String?
    /// The number of the bridge that it is a port of.
    package let master: Int?
    /// The number of a veth's other end, in the namespace of that, or of the lower device.
    package let peer: Int?
    /// A Boolean value that indicates whether ``peer`` counts in another namespace.
    package let isPeerElsewhere: Bool
    package let kind: String?
    package let ipv6AddressMode: String?
    package let stack: StackSettings?
    package let snoopsMulticast: Bool
    package let tunnel: Link.Tunnel?
    package let group: String
    package let isForwarding: Bool
    package let alias: String?
    package let port: BridgePort?
    /// A Boolean value that indicates whether the message is about a port of a bridge, also one that is leaving it.
    package let isOfPort: Bool
    /// The traffic that it has counted; nil where the message does not say.
    package let traffic: DeviceTraffic?

    private enum Attribute {
        static let (address, name, mtu, link, master): (UInt16, UInt16, UInt16, UInt16, UInt16) = (1, 3, 4, 5, 10)
        static let (info, statistics, families, group): (UInt16, UInt16, UInt16, UInt16) = (18, 23, 26, 27)
        static let (alias, linkNamespace): (UInt16, UInt16) = (20, 37)
        static let (kind, data, portKind, portData): (UInt16, UInt16, UInt16, UInt16) = (1, 2, 4, 5)
        static let (ipv4Settings, ipv6Settings, ipv6AddressMode): (UInt16, UInt16, UInt16) = (1, 2, 8)
        static let snooping: UInt16 = 23
        /// Of a bridge's port (IFLA_BRPORT_…).
        static let (portState, portLearning, flood): (UInt16, UInt16, UInt16) = (1, 8, 9)
        static let (multicastFlood, broadcastFlood, locked): (UInt16, UInt16, UInt16) = (27, 30, 39)
        static let (vni, local, learning, port): (UInt16, UInt16, UInt16, UInt16) = (1, 4, 7, 15)
    }

    private static let bodyLength = 16
    private static let isUpFlag: UInt32 = 1
    private static let forwarding: UInt8 = 3
    private static let (ipv4, ipv6): (UInt16, UInt16) = (2, 10)
    /// The family of messages that a bridge sends of its ports.
    private static let bridging: UInt8 = 7
    /// The positions of settings among those of a device, in numbers of 32 bits (linux/ip.h, which counts from 1, and
    /// ipv6.h).
    private static let (forwarding4, reversePathFilter, arpIgnore, disableIPv6) = (0, 7, 18, 26)
    /// By number, as `ip` calls them.
    private static let addressModes = ["eui64", "none", "stable_secret", "random"]

    /// Reads RTM_NEWLINK and RTM_DELLINK.
    ///
    /// - Throws: ``NetlinkError`` for what has no name or is cut short.
    package init(_ payload: ArraySlice<UInt8>) throws(NetlinkError) {
        let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
        guard let index = payload.number(at: 4, Int32.self), let flags = payload.number(at: 8, UInt32.self),
            let name = attributes.text(Attribute.name)
        else { throw .malformed("a device without a name") }
        self.index = Int(index)
        self.name = name
        isUp = flags & Self.isUpFlag != 0
        mtu = attributes.number(Attribute.mtu, UInt32.self).map(Int.init)
        address = attributes[Attribute.address]?.hardwareAddress
        master = attributes.number(Attribute.master, UInt32.self).map(Int.init)
        peer = attributes.number(Attribute.link, UInt32.self).map(Int.init)
        isPeerElsewhere = attributes[Attribute.linkNamespace] != nil
        group = String(attributes.number(Attribute.group, UInt32.self) ?? 0)
        let families = try attributes.nested(Attribute.families)
        let mode = try families?.nested(Self.ipv6)?.number(Attribute.ipv6AddressMode, UInt8.self)
        stack = try families.flatMap(Self.stack)
        ipv6AddressMode = mode.map { Int($0) < Self.addressModes.count ? Self.addressModes[Int($0)] : "unknown" }

        let info = try attributes.nested(Attribute.info)
        kind = info?.text(Attribute.kind)
        let data = try info?.nested(Attribute.data)
        snoopsMulticast = kind == "bridge" && data?.number(Attribute.snooping, UInt8.self) ?? 0 != 0
        tunnel = kind == "vxlan" ? Self.tunnel(data) : nil
        let port = info?.text(Attribute.portKind) == "bridge" ? try info?.nested(Attribute.portData) : nil
        isForwarding = port?.number(Attribute.portState, UInt8.self) == Self.forwarding
        self.port = port.map(Self.port)
        alias = attributes.text(Attribute.alias)
        traffic = attributes[Attribute.statistics].flatMap(DeviceTraffic.init)
        isOfPort = port != nil || payload.first == Self.bridging && attributes[Attribute.master] != nil
    }

    private static func port(_ settings: NetlinkAttributes) -> BridgePort {
        func isOn(_ setting: UInt16) -> Bool { settings.number(setting, UInt8.self) ?? 0 != 0 }
        return BridgePort(
            learns: isOn(Attribute.portLearning),
            floods: isOn(Attribute.flood),
            floodsMulticast: isOn(Attribute.multicastFlood),
            floodsBroadcast: isOn(Attribute.broadcastFlood),
            isLocked: isOn(Attribute.locked)
        )
    }

    private static func stack(_ families: NetlinkAttributes) throws(NetlinkError) -> StackSettings? {
        func setting(_ index: Int, in settings: ArraySlice<UInt8>?) -> UInt32? {
            settings?.number(at: index * MemoryLayout<UInt32>.size, UInt32.self)
        }
        let ipv4 = try families.nested(Self.ipv4)?[Attribute.ipv4Settings]
        let ipv6 = try families.nested(Self.ipv6)?[Attribute.ipv6Settings]
        guard let forwards = setting(forwarding4, in: ipv4), let filter = setting(reversePathFilter, in: ipv4),
            let ignore = setting(arpIgnore, in: ipv4)
        else { return nil }
        return StackSettings(
            forwards: forwards != 0,
            reversePathFilter: filter,
            arpIgnore: ignore,
            isIPv6Disabled: setting(disableIPv6, in: ipv6).map { $0 != 0 }
        )
    }

    private static func tunnel(_ data: NetlinkAttributes?) -> Link.Tunnel? {
        guard let data, let id = data.number(Attribute.vni, UInt32.self),
            let port = data.number(Attribute.port, UInt16.self)
        else { return nil }
        return Link.Tunnel(
            id: Int(id),
            port: Int(UInt16(bigEndian: port)),
            learning: data.number(Attribute.learning, UInt8.self) ?? 0 != 0,
            local: data.number(Attribute.local, UInt32.self).map {
                IPv4Address(rawValue: UInt32(bigEndian: $0)).description
            }
        )
    }

    /// The device as `ip` shows it; `names` are those of all devices of the namespace, by number.
    package func link(_ names: [Int: String]) -> Link {
        Link(
            name: name,
            index: index,
            mtu: mtu ?? 0,
            isUp: isUp,
            master: master.map { names[$0] ?? "" },
            lower: isPeerElsewhere ? nil : peer.flatMap { names[$0] },
            kind: kind,
            ipv6AddressMode: ipv6AddressMode,
            stack: stack,
            snoopsMulticast: snoopsMulticast,
            tunnel: tunnel,
            group: group,
            isForwarding: isForwarding,
            mac: address.flatMap { try? MACAddress($0) },
            alias: alias,
            port: port
        )
    }
}

/// An IPv4 address as rtnetlink reports it.
package struct AddressMessage: Sendable, Hashable {
    /// The number of the device that has it.
    package let device: Int
    /// With its prefix length, `10.9.0.1/24`.
    package let address: String
    /// In most cases the device's name.
    package let label: String?

    private static let bodyLength = 8

    /// Reads RTM_NEWADDR and RTM_DELADDR.
    ///
    /// - Throws: ``NetlinkError`` for what is no IPv4 address.
    package init(_ payload: ArraySlice<UInt8>) throws(NetlinkError) {
        let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
        guard let length = payload.number(at: 1, UInt8.self), let device = payload.number(at: 4, UInt32.self),
            let address = attributes.number(2, UInt32.self) ?? attributes.number(1, UInt32.self)
        else { throw .malformed("an address without an address") }
        self.device = Int(device)
        self.address = "\(IPv4Address(rawValue: UInt32(bigEndian: address)))/\(length)"
        label = attributes.text(3)
    }
}

/// An IPv4 route as rtnetlink reports it.
package struct RouteMessage: Sendable, Hashable {
    /// The number of the device that it leads through; nil for one that leads through none, or through several.
    package let device: Int?
    /// As `ip` writes it: `default`, `203.0.113.0/24`, and a single address without its prefix.
    package let destination: String
    package let gateway: String?
    /// A Boolean value that indicates whether it is of the table that `ip route show` shows.
    package let isMain: Bool
    var isDefault: Bool { destination == Self.defaultDestination }

    private enum Attribute {
        static let (destination, device, gateway, table): (UInt16, UInt16, UInt16, UInt16) = (1, 4, 5, 15)
    }

    private static let bodyLength = 12
    private static let mainTable: UInt32 = 254
    private static let wholeAddress: UInt8 = 32
    static let defaultDestination = "default"

    /// Reads RTM_NEWROUTE and RTM_DELROUTE.
    ///
    /// - Throws: ``NetlinkError`` for what is cut short.
    package init(_ payload: ArraySlice<UInt8>) throws(NetlinkError) {
        let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
        guard let length = payload.number(at: 1, UInt8.self), let table = payload.number(at: 4, UInt8.self) else {
            throw .malformed("a route without a destination")
        }
        func address(_ type: UInt16) -> String? {
            attributes.number(type, UInt32.self).map { "\(IPv4Address(rawValue: UInt32(bigEndian: $0)))" }
        }
        device = attributes.number(Attribute.device, UInt32.self).map(Int.init)
        gateway = address(Attribute.gateway)
        isMain = attributes.number(Attribute.table, UInt32.self) ?? UInt32(table) == Self.mainTable
        let suffix = length == Self.wholeAddress ? "" : "/\(length)"
        destination = length == 0 ? Self.defaultDestination : (address(Attribute.destination) ?? "0.0.0.0") + suffix
    }
}

/// A row of a forwarding database as rtnetlink reports it.
package struct EntryMessage: Sendable, Hashable {
    /// The number of the device whose row it is.
    package let device: Int
    /// The static row of a tunnel; nil for other rows: learned ones, neighbours, a device's own address.
    package let entry: ForwardingEntry?
    /// The address of a bridge's static row, which says that it is behind the device; nil for all others.
    package let station: MACAddress?

    private enum Attribute {
        static let (destination, address, port): (UInt16, UInt16, UInt16) = (1, 2, 6)
        static let (vni, device): (UInt16, UInt16) = (7, 8)
    }

    private static let bodyLength = 12
    private static let bridging: UInt8 = 7
    private static let (isPermanent, isStatic): (UInt16, UInt16) = (0x80, 0x40)
    private static let (isOwn, wasLearnedElsewhere): (UInt8, UInt8) = (0x02, 0x10)

    /// Reads RTM_NEWNEIGH and RTM_DELNEIGH.
    ///
    /// - Parameters:
    ///   - payload: of the message.
    ///   - names: of the devices, by number, for a row that leads through one; the others have no name then.
    /// - Throws: ``NetlinkError`` for what is cut short.
    package init(_ payload: ArraySlice<UInt8>, names: [Int: String] = [:]) throws(NetlinkError) {
        guard let family = payload.first, let device = payload.number(at: 4, Int32.self),
            let state = payload.number(at: 8, UInt16.self), let flags = payload.number(at: 10, UInt8.self)
        else { throw .malformed("an entry without a device") }
        self.device = Int(device)
        let isOfTunnel = state & Self.isPermanent != 0 && flags & Self.isOwn != 0
        let isOfBridge = state & Self.isStatic != 0 && flags & Self.isOwn == 0
        guard family == Self.bridging, isOfTunnel || isOfBridge, flags & Self.wasLearnedElsewhere == 0 else {
            (entry, station) = (nil, nil)
            return
        }
        let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
        station = isOfBridge ? attributes[Attribute.address].flatMap { MACAddress($0) } : nil
        guard isOfTunnel, let destination = attributes[Attribute.destination], destination.count == 4,
            let number = destination.number(at: 0, UInt32.self),
            let station = attributes[Attribute.address].flatMap({ ForwardingEntry.Station(octets: $0) })
        else {
            entry = nil
            return
        }
        let port = attributes.number(Attribute.port, UInt16.self)
        let vni = attributes.number(Attribute.vni, UInt32.self)
        let through = attributes.number(Attribute.device, UInt32.self)
        let hasDetour = port != nil || vni != nil || through != nil
        let detour = ForwardingEntry.Detour(
            port: port.map { Int(UInt16(bigEndian: $0)) },
            vni: vni.map(Int.init),
            device: through.flatMap { names[Int($0)] }.flatMap { try? LinkName($0) }
        )
        entry = ForwardingEntry(
            station,
            to: IPv4Address(rawValue: UInt32(bigEndian: number)),
            detour: hasDetour ? detour : nil
        )
    }
}
