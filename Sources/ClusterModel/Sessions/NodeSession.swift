/// A process of a node that holds a lease.
package struct NodeSession: Sendable, Hashable, Identifiable {
    package let id: SessionID
    package let node: NodeID
    package let daemon: String
    package let pid: Int
    /// The time that is left unless the lease is renewed.
    package let expiresInSeconds: Double
    /// The database server that it uses; nil for a program that does not tell.
    package let server: String?

    package init(id: SessionID, node: NodeID, daemon: String, pid: Int, expiresInSeconds: Double, server: String?) {
        self.id = id
        self.node = node
        self.daemon = daemon
        self.pid = pid
        self.expiresInSeconds = expiresInSeconds
        self.server = server
    }
}
