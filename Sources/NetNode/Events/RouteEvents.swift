import ClusterStore

/// The meaning of rtnetlink's events for us; pure.
///
/// Most of them are about others: addresses that bridges learn, neighbours, devices that are no ports.
package enum RouteEvents {
    private enum Kind {
        static let devices: ClosedRange<UInt16> = 16...17
        static let addresses: ClosedRange<UInt16> = 20...21
        static let routes: ClosedRange<UInt16> = 24...25
        static let entries: ClosedRange<UInt16> = 28...29
    }

    /// Reads a datagram.
    ///
    /// - Parameters:
    ///   - bytes: as the kernel sent it.
    ///   - isElsewhere: whether it is of another namespace than the node's own.
    /// - Returns: The changes that it reports; most often none.
    /// - Throws: ``NetlinkError`` for a malformed datagram.
    package static func changes(in bytes: [UInt8], isElsewhere: Bool) throws(NetlinkError) -> Set<HostChange> {
        var changes: Set<HostChange> = []
        for message in try NetlinkMessage.all(in: bytes) {
            if let change = try change(message, isElsewhere) { changes.insert(change) }
        }
        return changes
    }

    private static func change(_ message: NetlinkMessage, _ isElsewhere: Bool) throws(NetlinkError) -> HostChange? {
        switch message.type {
        case Kind.devices:
            let device = try DeviceMessage(message.payload)
            guard !isElsewhere else { return isInside(device.name) ? .insides : nil }
            // A guest's port is known by its bridge, of which a message has no name.
            return isOnNode(device.name) || device.isOfPort ? .devices : nil
        case Kind.addresses:
            // Our devices have addresses only inside namespaces.
            guard isElsewhere, let label = try AddressMessage(message.payload).label else { return nil }
            // The device's name, or that with a colon and more.
            return isInside(String(label.prefix { $0 != ":" })) ? .insides : nil
        case Kind.routes:
            // The node's own are not ours; of a namespace only the default route is looked at here.
            guard isElsewhere else { return nil }
            return try RouteMessage(message.payload).isDefault ? .insides : nil
        case Kind.entries:
            guard !isElsewhere else { return nil }
            let message = try EntryMessage(message.payload)
            return message.entry == nil && message.station == nil ? nil : .entries
        default:
            return nil
        }
    }

    private static func isOnNode(_ name: String) -> Bool {
        BridgeName(deviceName: name) != nil || TunnelName(deviceName: name) != nil
            || GatewayVethName(deviceName: name) != nil || ExternalVethName(deviceName: name) != nil
    }

    private static func isInside(_ name: String) -> Bool {
        [NamespaceChange.gateway, EgressChange.device, "lo"].contains(name)
    }
}
