import ClusterModel

/// The way by which a leader asks its witnesses, without the database; nothing in it waits.
package protocol WitnessChannel: Sendable {
    /// The nodes that have answered this one lately, and so can be asked.
    var answering: Set<NodeID> { get }

    /// Returns whether a question to a node comes to this process, which is that node.
    func canBeAsked(as node: NodeID) -> Bool

    /// Sends a question to each of some nodes; whether it arrives is not known.
    func ask(_ nodes: Set<NodeID>, holder: SessionID, nonce: UInt64)

    /// Returns the nodes that have confirmed the round that was asked last; none when it is another one.
    func confirmations(of nonce: UInt64) -> Set<NodeID>
}

/// The channel of a node that has none: it has no witnesses.
package struct NoWitnesses: WitnessChannel {
    package init() {}

    package var answering: Set<NodeID> { [] }

    package func canBeAsked(as node: NodeID) -> Bool { false }

    package func ask(_ nodes: Set<NodeID>, holder: SessionID, nonce: UInt64) {}

    package func confirmations(of nonce: UInt64) -> Set<NodeID> { [] }
}
