/// The workers that may claim from a queue.
public enum QueueTarget: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The elected network node.
    case networkNode
    /// The network tasks of one node.
    case nodeNetwork(NodeName)
    /// The other tasks of one node.
    case node(NodeName)
    /// Every worker.
    case any

    /// The part of the queue name before the lane.
    public var description: String {
        switch self {
        case .networkNode: "networknode"
        case .nodeNetwork(let node): "\(node)-network"
        case .node(let node): node.description
        case .any: "any"
        }
    }

    /// Orders by text.
    public static func < (left: QueueTarget, right: QueueTarget) -> Bool {
        left.description < right.description
    }
}

/// The name of a queue: a target and a lane, such as `networknode-background` or `hv1-network-user_facing`.
///
/// The lanes have no dash in their names, so the last dash separates; and no node name can be mistaken for another
/// target, so that each name means one queue.
public struct QueueName: TextValue {
    /// The longest name: a node name of 63, `-network-`, and the longest lane.
    public static let longest = 63 + 9 + 19

    /// The workers that may claim from the queue.
    public let target: QueueTarget

    /// The priority class of the operations in the queue.
    public let lane: Lane

    /// Names the queue of a target and a lane.
    public init(_ target: QueueTarget, _ lane: Lane) {
        self.target = target
        self.lane = lane
    }

    /// Parses `networknode-{lane}`, `{node}-network-{lane}`, `{node}-{lane}` or `any-{lane}`.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        guard text.utf8.count <= Self.longest, let dash = text.utf8.lastIndex(of: UInt8(ascii: "-")),
            let lane = Lane(rawValue: String(text[text.utf8.index(after: dash)...])),
            let target = Self.target(text[..<dash])
        else {
            throw ValueError(
                "queue name",
                found: text,
                expected: "networknode-LANE, NODE-network-LANE, NODE-LANE or any-LANE"
            )
        }
        self.init(target, lane)
    }

    /// The name as it stands in the database and in answers.
    public var description: String { "\(target)-\(lane)" }

    /// Orders by target, and the better lane first.
    public static func < (left: QueueName, right: QueueName) -> Bool {
        (left.target, left.lane) < (right.target, right.lane)
    }

    /// The queues that a worker looks into, in order: all targets in the best lane, then all in the next, and so on.
    public static func claimOrder(targets: [QueueTarget]) -> [QueueName] {
        Lane.allCases.sorted().flatMap { lane in targets.map { QueueName($0, lane) } }
    }

    /// Returns every queue that a cluster of some nodes has.
    package static func all(of nodes: [NodeName]) -> [QueueName] {
        claimOrder(targets: [.any, .networkNode] + nodes.flatMap { [.node($0), .nodeNetwork($0)] })
    }

    private static func target(_ text: Substring) -> QueueTarget? {
        let network = "-network"
        if text == "networknode" { return .networkNode }
        if text == "any" { return .any }
        if text.hasSuffix(network) {
            return (try? NodeName(String(text.dropLast(network.count)))).map(QueueTarget.nodeNetwork)
        }
        return (try? NodeName(String(text))).map(QueueTarget.node)
    }
}
