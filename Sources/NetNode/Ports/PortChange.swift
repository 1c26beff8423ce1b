import ClusterModel

/// One step from what the kernel has to what is wanted of a port of a network's bridge.
package struct PortChange: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case set(BridgePort)
        /// Takes the rows away that the bridge has learned at the port.
        case forgetLearned
        /// Says that an address is behind the port, wherever it was before.
        case addStation(MACAddress)
        case removeStation(MACAddress)
    }

    package let vni: VNI
    package let device: LinkName
    package let step: Step

    /// The line of the batch of `bridge` that does it.
    package var batchLine: String {
        switch step {
        case .set(let port): "link set dev \(device) \(port.words)"
        case .forgetLearned: "fdb flush dev \(device) master dynamic"
        case .addStation(let mac): "fdb replace \(mac) dev \(device) master static"
        case .removeStation(let mac): "fdb del \(mac) dev \(device) master"
        }
    }
}

extension BridgePort {
    /// A guest's port: it sends from the addresses that have rows there, and gets what is for them or for all.
    static let guest = BridgePort(
        learns: false,
        floods: false,
        floodsMulticast: true,
        floodsBroadcast: true,
        isLocked: true
    )

    /// A port that neither sends nor gets a frame.
    static let isolated = BridgePort(
        learns: false,
        floods: false,
        floodsMulticast: false,
        floodsBroadcast: false,
        isLocked: true
    )

    /// The gateway's veth on a node that does not serve: its namespace hears nothing, and where the gateway is cannot
    /// be learned from what it says, whatever becomes of the gate.
    static let closedGateway = BridgePort(
        learns: false,
        floods: false,
        floodsMulticast: false,
        floodsBroadcast: false,
        isLocked: false
    )
}
