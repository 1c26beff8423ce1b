import ClusterModel

/// The processes of a node, as the database knows them.
package struct NodeSessions: Sendable {
    package let node: NodeName
    /// A Boolean value that indicates whether the node takes no new work.
    package var isDraining = false
    /// The drain, where it is known who drains it.
    package var drain: NodeDrain?
    package var workers = 1
    package var networkDaemons = 1
    /// Leases that ended more than a minute ago, of sessions that nobody has marked dead.
    package var unnoticed = 0
    /// Live processes that cannot be rung.
    package var withoutDoorbell = 0
    /// The live processes, by daemon and process id.
    package var living = ""
}
