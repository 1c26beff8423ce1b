/// A change of the elected node that somebody asked for, as `leader resign` prints it.
public struct LeaderChangeView: Codable, Sendable, Hashable {
    /// The lease.
    public let name: String
    /// The node that was asked to resign.
    public let previousHolder: NodeName
    /// The node that serves now.
    public let holder: NodeName
    /// The term under which it does.
    public let term: Int

    private enum CodingKeys: String, CodingKey {
        case name, holder, term
        case previousHolder = "previous_holder"
    }
}
