import ClusterModel
import Synchronization

/// A change on this node that the kernel reports and that is a reason for a drift check, whoever made it.
package enum HostChange: Sendable, Hashable {
    /// A device of ours, or an address of one.
    case devices
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
    /// The networks whose servers' files are worth a read; nil is all of them.
    package private(set) var files: Set<VNI>? = []

    package init() {}

    package mutating func note(_ change: HostChange) {
        switch change {
        case .devices, .names, .namespaceRules, .rules, .portRules, .lostRules: break
        case .entries: entries = true
        case .files(let vni): files?.insert(vni)
        case .lost: (entries, files) = (true, nil)
        }
    }

    /// Takes note of all that another has.
    package mutating func note(_ other: HostChanges) {
        entries = entries || other.entries
        files = other.files.flatMap { other in files.map { $0.union(other) } }
    }
}
