/// Decides at which of its renewals a session also looks for what concerns the cluster, such as orphans and overdue
/// operations.
///
/// Pure. One look finds it for all, so that each session takes a share that is as large as its part of the ring: all
/// look at each renewal in a small cluster, and about ``lookers`` of them in a large one.
package struct ClusterLook: Sendable {
    /// Sessions that look within one renewal interval; none of them does once in millions of intervals.
    package static let lookers = 16.0
    /// The least share of its renewals at which a session looks: the version of the schema is its own concern.
    package static let leastShare = 1.0 / 30

    private var due: Double

    /// Creates a rule; `phase` is random between 0 and 1, so that sessions which were opened together do not look
    /// together.
    package init(phase: Double) {
        due = phase
    }

    /// Returns whether this look is one; `part` is the session's part of the ring, and `intervals` are the renewal
    /// intervals since its last look.
    package mutating func takesTurn(ofPart part: Double, after intervals: Int = 1) -> Bool {
        due += min(1, max(Self.leastShare, Self.lookers * part) * Double(intervals))
        guard due >= 1 else { return false }
        due -= 1
        return true
    }
}
