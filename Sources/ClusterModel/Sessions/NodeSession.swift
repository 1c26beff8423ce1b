/// A process of a node that holds a lease.
package struct NodeSession: Sendable, Hashable, Identifiable {
    package let id: SessionID
    package let node: NodeID
    package let daemon: String
    package let pid: Int
    /// The time that is left unless the lease is renewed.
    package let expiresInSeconds: Double

    package init(id: SessionID, node: NodeID, daemon: String, pid: Int, expiresInSeconds: Double) {
        self.id = id
        self.node = node
        self.daemon = daemon
        self.pid = pid
        self.expiresInSeconds = expiresInSeconds
    }
}
