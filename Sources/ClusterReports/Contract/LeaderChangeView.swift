import ClusterModel

/// A change of the elected node that somebody asked for, as `leader resign` prints it.
package struct LeaderChangeView: Codable, Sendable, Hashable {
    /// The lease.
    package let name: String
    /// The node that was asked to resign.
    package let previousHolder: NodeName
    /// The node that serves now.
    package let holder: NodeName
    /// The term under which it does.
    package let term: Int

    private enum CodingKeys: String, CodingKey {
        case name, holder, term
        case previousHolder = "previous_holder"
    }
}
