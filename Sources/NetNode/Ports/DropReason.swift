import ClusterModel

/// A reason for which the rules of a network's ports drop a frame.
package enum DropReason: String, Sendable, CaseIterable {
    /// It was not what the guest may send, or to or from a port that nobody knows.
    case portSecurity = "port_security"
    /// There were too many of its kind in a second.
    case rateLimit = "rate_limit"
    /// It was from one address more than the bridge may learn.
    case sourceLimit = "source_limit"

    /// The table that counts them.
    var table: BridgeTableName { self == .sourceLimit ? .sources : .ports }

    private var prefix: String {
        switch self {
        case .portSecurity: "refused_"
        case .rateLimit: "limited_"
        case .sourceLimit: "crowded_"
        }
    }

    /// The counter of a network's.
    func counter(of vni: VNI) -> String { prefix + "\(vni)" }

    /// The network whose counter has this name; nil when it is no counter of this reason.
    func vni(ofCounter name: String) -> VNI? {
        name.hasPrefix(prefix) ? try? VNI(String(name.dropFirst(prefix.count))) : nil
    }
}
