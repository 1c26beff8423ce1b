import ClusterModel
import ClusterStore

/// The elected node, its lease and its witnesses, as `leader show` prints them.
package struct LeaderDetailView: Codable, Sendable, Hashable {
    /// The lease.
    package let name: String
    /// The node that holds it; null when none does.
    @NullWhenUnknown package var holder: NodeName?
    /// Rises by one at each change of holder; 0 before the first.
    package let term: Int
    /// The time for which the lease lasts unless it is renewed, in seconds; null when nobody holds it.
    @NullWhenUnknown package var expiresInSeconds: Double?
    /// The nodes that the holder would ask while the database is away, in the order of their names; null when it would
    /// ask none and close its gate (`election.outage`).
    @NullWhenUnknown package var witnesses: [NodeName]?
    /// The time, in seconds, for which other nodes wait before they take the lease; null likewise.
    @NullWhenUnknown package var outageSeconds: Double?

    private enum CodingKeys: String, CodingKey {
        case name, holder, term, witnesses
        case expiresInSeconds = "expires_in_seconds"
        case outageSeconds = "outage_seconds"
    }
}

extension LeaderDetailView {
    /// Shows a lease; nil is one that nobody has ever held, and no witnesses those of one that has none.
    init(_ name: String, _ leader: Leader?, _ witnesses: LeaseStatements.Witnesses?) {
        let witnesses = leader?.holder == nil ? nil : witnesses
        self.init(
            name: name,
            holder: leader?.holder,
            term: leader?.term ?? 0,
            expiresInSeconds: leader?.expiresInSeconds,
            witnesses: witnesses?.nodes,
            outageSeconds: witnesses?.outage.seconds
        )
    }
}
