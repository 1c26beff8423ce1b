/// The settings that the kernel has for a device as a port of a bridge.
package struct BridgePort: Sendable, Hashable {
    /// A Boolean value that indicates whether the bridge remembers where the source of each frame is.
    package var learns: Bool
    /// A Boolean value that indicates whether the port gets frames to addresses that no row knows.
    package var floods: Bool
    package var floodsMulticast: Bool
    package var floodsBroadcast: Bool
    /// A Boolean value that indicates whether frames are dropped whose source has no row at this port.
    package var isLocked: Bool

    package init(learns: Bool, floods: Bool, floodsMulticast: Bool, floodsBroadcast: Bool, isLocked: Bool) {
        self.learns = learns
        self.floods = floods
        self.floodsMulticast = floodsMulticast
        self.floodsBroadcast = floodsBroadcast
        self.isLocked = isLocked
    }

    /// The kernel's own settings of a new port.
    package static let standard = BridgePort(
        learns: true,
        floods: true,
        floodsMulticast: true,
        floodsBroadcast: true,
        isLocked: false
    )

    /// The words by which `bridge link set` gives a port these settings.
    var words: String {
        func word(_ isOn: Bool) -> String { isOn ? "on" : "off" }
        return "learning \(word(learns)) flood \(word(floods)) mcast_flood \(word(floodsMulticast)) "
            + "bcast_flood \(word(floodsBroadcast)) locked \(word(isLocked))"
    }
}
