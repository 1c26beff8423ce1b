import ClusterModel
import Synchronization

/// Something that the kernel says has changed on this node, as far as it is a reason to look; who did it is not asked.
package enum HostChange: Sendable, Hashable {
    /// A device of ours, or an address of one.
    case devices
    /// A static row of a tunnel's forwarding database.
    case entries
    /// A name among the named namespaces.
    case names
    /// A server's file.
    case files(VNI)
    /// The rules of a network's way out.
    case egressRules
    /// The gate's table, by somebody else's hand.
    case rules
    /// The kernel had more to say than it could keep.
    case lost
}

/// What has changed since the last look, however often.
package struct HostChanges: Sendable, Hashable {
    /// Whether forwarding databases are worth a read.
    package private(set) var entries = false
    /// The networks whose servers' files are worth a read; nil is all of them.
    package private(set) var files: Set<VNI>? = []
    /// Whether the gate's table is worth a read.
    package private(set) var rules = false

    package init() {}

    package mutating func note(_ change: HostChange) {
        switch change {
        case .devices, .names, .egressRules: break
        case .entries: entries = true
        case .files(let vni): files?.insert(vni)
        case .rules: rules = true
        case .lost: (entries, files, rules) = (true, nil, true)
        }
    }

    /// Takes note of all that another has.
    package mutating func note(_ other: HostChanges) {
        entries = entries || other.entries
        rules = rules || other.rules
        files = other.files.flatMap { other in files.map { $0.union(other) } }
    }
}

/// Where changes wait for whoever looks at them: any number of them is one ring.
final class HostChangeInbox: Sendable {
    private let changes = Mutex(HostChanges())
    private let bell = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// The rings, for one reader.
    var rings: AsyncStream<Void> { bell.stream }

    /// Takes note of a change, and rings.
    func note(_ change: HostChange) {
        changes.withLock { $0.note(change) }
        ring()
    }

    /// Rings, for a look for no reason but time.
    func ring() { bell.continuation.yield() }

    /// Takes what has changed since the last call.
    func take() -> HostChanges {
        changes.withLock { changes in
            defer { changes = HostChanges() }
            return changes
        }
    }

    /// Gives back what could not be attended to, for the next ring.
    func giveBack(_ rest: HostChanges) {
        changes.withLock { $0.note(rest) }
    }
}
