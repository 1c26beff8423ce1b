import ClusterModel
import Synchronization

/// A change on this node that the kernel reports and that is a reason for a drift check, whoever made it.
package enum HostChange: Sendable, Hashable {
    /// A device of ours on the node.
    case devices
    /// A device inside a namespace, its address, or a default route there.
    case insides
    /// A static row of the forwarding database of a tunnel or a bridge.
    case entries
    /// A name among the named namespaces.
    case names
    /// A server's file.
    case files(VNI)
    /// The rules of a network's egress.
    case namespaceRules
    /// The gate's table, changed by another program.
    case rules
    /// A table that goes with guests' ports, changed by somebody else.
    case portRules
    /// The kernel had to drop events of rules.
    case lostRules
    /// The kernel had to drop events of something else.
    case lost
}

/// The changes since the last read, however often each came.
package struct HostChanges: Sendable, Hashable {
    /// A Boolean value that indicates whether forwarding databases are worth a read.
    package private(set) var entries = false
    /// A Boolean value that indicates whether the insides of all namespaces are worth a read.
    package private(set) var insides = false
    /// The networks whose servers' files are worth a read; nil is all of them.
    package private(set) var files: Set<VNI>? = []

    package init() {}

    package mutating func note(_ change: HostChange) {
        switch change {
        case .devices, .rules, .portRules: break
        case .insides, .names, .namespaceRules, .lostRules: insides = true
        case .entries: entries = true
        case .files(let vni): files?.insert(vni)
        case .lost: (entries, insides, files) = (true, true, nil)
        }
    }

    /// Takes note of all that another has.
    package mutating func note(_ other: HostChanges) {
        entries = entries || other.entries
        insides = insides || other.insides
        files = other.files.flatMap { other in files.map { $0.union(other) } }
    }
}
