import ClusterModel

/// The elected node and its lease, as `status` prints them.
public struct LeaderView: Codable, Sendable, Hashable {
    /// The lease.
    public let name: String
    /// The node that holds it; null when none does.
    @NullWhenUnknown public var holder: NodeName?
    /// Rises by one at each change of holder; 0 before the first.
    public let term: Int
    /// The time for which the lease lasts unless it is renewed, in seconds; null when nobody holds it.
    @NullWhenUnknown public var expiresInSeconds: Double?

    private enum CodingKeys: String, CodingKey {
        case name, holder, term
        case expiresInSeconds = "expires_in_seconds"
    }
}
