/// The identity under which one worker process claims: its leased session, its node and its process id.
package struct WorkerIdentity: Sendable, Hashable {
    package let session: SessionID
    package let node: NodeName
    /// The machine itself; another one may have had its name.
    package let nodeID: NodeID
    package let pid: Int

    package init(session: SessionID, node: NodeName, nodeID: NodeID, pid: Int) {
        self.session = session
        self.node = node
        self.nodeID = nodeID
        self.pid = pid
    }
}
