import DatabaseTime

/// A path over the underlay on which not all that it should carry arrives, as the node at its beginning reports it.
package struct PathFinding: Sendable, Hashable {
    /// The kind of fault.
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// Nothing arrives.
        case unreachable
        /// Datagrams of the networks' size do not arrive.
        case limited
        /// They are larger than a link on the way: the kernel sends the networks' packets in pieces.
        case fragmented
        /// The machine is reached, and nothing there answers probes; what that says of the networks is not known.
        case refused

        /// A Boolean value that indicates whether packets of networks are lost.
        var losesPackets: Bool { self == .unreachable || self == .limited }
    }

    package let from: NodeName
    package let to: NodeName
    package let state: State
    /// The length of the datagrams that do not arrive whole; nil where none does, or where that is not known.
    package let size: Int?
    package let since: Timestamp
    package let reason: String

    package init(from: NodeName, to: NodeName, state: State, size: Int?, since: Timestamp, reason: String) {
        self.from = from
        self.to = to
        self.state = state
        self.size = size
        self.since = since
        self.reason = reason
    }
}

/// Something on a node that the networks' packets depend on, and that the node looks after by itself.
package enum DataPlaneCheck: String, Sendable, Hashable, CaseIterable {
    /// The underlay address of the node's row is on a device of the node that is up.
    case underlayAddress = "underlay_address"
    /// Frames that a bridge forwards are not dropped by rules of the node that are none of ours.
    case bridgeFilter = "bridge_filter"
    /// The bridge that leads outside is there.
    case externalBridge = "external_bridge"
    /// The kernel's neighbour table is large enough for the guests of a cluster.
    case neighbourTable = "neighbour_table"

    /// A Boolean value that indicates whether packets are lost as soon as it fails.
    package var losesPackets: Bool { self != .neighbourTable }

    /// The outcome of a check.
    package enum State: String, Sendable, Hashable, CaseIterable {
        case ok
        case failed
        /// The node has none, by its configuration.
        case unused
    }
}

/// The outcome of a check on a node.
package struct CheckFinding: Sendable, Hashable {
    package let node: NodeName
    package let check: DataPlaneCheck
    package let state: DataPlaneCheck.State
    package let since: Timestamp
    package let reason: String

    package init(
        node: NodeName,
        check: DataPlaneCheck,
        state: DataPlaneCheck.State,
        since: Timestamp,
        reason: String
    ) {
        self.node = node
        self.check = check
        self.state = state
        self.since = since
        self.reason = reason
    }
}

/// The faults of the data plane at one moment, as living nodes report them; pure.
package struct DataPlaneFindings: Sendable, Hashable {
    /// The faulty paths between living nodes.
    package let paths: [PathFinding]
    /// The failed checks of living nodes.
    package let checks: [CheckFinding]

    /// The name of problems of paths.
    package static let pathProblem = "underlay"
    /// The problems of paths that are shown of a network; a node that is cut off is one of each other node.
    private static let mostPaths = 20

    package init(paths: [PathFinding] = [], checks: [CheckFinding] = []) {
        self.paths = paths
        self.checks = checks
    }

    /// A network, as far as the data plane has to serve it.
    package struct Need: Sendable {
        /// Every node that takes part in its mesh.
        package let nodes: Set<NodeName>
        package let mtu: MTU
        package let needsEgress: Bool
        /// The node that is elected now.
        package let elected: NodeName?

        package init(nodes: Set<NodeName>, mtu: MTU, needsEgress: Bool, elected: NodeName?) {
            self.nodes = nodes
            self.mtu = mtu
            self.needsEgress = needsEgress
            self.elected = elected
        }
    }

    /// Returns the problems that a network has of it, and whether its packets arrive all the same.
    package func judge(_ need: Need) -> (problems: [NetworkProblem], isAnswering: Bool) {
        let paths = paths.filter { path in
            guard need.nodes.contains(path.from), need.nodes.contains(path.to) else { return false }
            return path.size.map { need.mtu.rawValue + VXLANOverhead.bytes >= $0 } ?? true
        }
        let checks = checks.filter { finding in
            guard finding.state == .failed, finding.check.losesPackets, need.nodes.contains(finding.node) else {
                return false
            }
            // Of a candidate it is a problem only once that is elected.
            return finding.check != .externalBridge || need.needsEgress && finding.node == need.elected
        }
        let isAnswering = checks.isEmpty && !paths.contains { $0.state.losesPackets }
        let named = paths.prefix(Self.mostPaths).map { path in
            let rest = paths.count - Self.mostPaths
            let more = rest > 0 && path == paths[Self.mostPaths - 1] ? "; and \(rest) more paths" : ""
            return NetworkProblem(
                node: path.from,
                what: Self.pathProblem,
                since: path.since,
                message: path.reason + more
            )
        }
        let failed = checks.map {
            NetworkProblem(node: $0.node, what: $0.check.rawValue, since: $0.since, message: $0.reason)
        }
        return (failed + named, isAnswering)
    }

    /// Returns the problems of a network, where those that nodes have written down and those of the data plane have one
    /// cause only once: without its external bridge a node has no egress.
    package static func joined(_ written: [NetworkProblem], _ faults: [NetworkProblem]) -> [NetworkProblem] {
        let withoutBridge = Set(faults.filter { $0.what == DataPlaneCheck.externalBridge.rawValue }.map(\.node))
        return written.filter { $0.what != AppliedPart.egress.rawValue || !withoutBridge.contains($0.node) } + faults
    }
}
