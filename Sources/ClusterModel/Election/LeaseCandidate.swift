/// A session that stands for election, with its node.
package struct LeaseCandidate: Sendable, Hashable {
    package let id: SessionID
    package let node: NodeName

    package init(id: SessionID, node: NodeName) {
        self.id = id
        self.node = node
    }
}
