import ClusterModel

/// Decides which VNIs of this node are strays: there are names, devices or files of them, and no network wants them
/// here.
///
/// Pure. A stray is removed only after it has been one for a whole grace time, because a network that is being added is
/// made in the kernel by one task while another one searches for strays.
package struct StrayWatch: Sendable {
    /// The grace time in maintenance passes: a minute by default, longer than any task takes.
    static let passes = 2

    private let grace: Duration
    private var seen: [VNI: ContinuousClock.Instant] = [:]

    package init(grace: Duration) {
        self.grace = grace
    }

    /// Notes what is there, and returns the strays to remove.
    ///
    /// - Parameters:
    ///   - present: all VNIs of which something is there; after a read that failed this must not be called.
    ///   - wanted: the VNIs that are wanted on this node.
    ///   - now: the time of both reads.
    /// - Returns: The VNIs that have been strays for the grace time, ascending.
    package mutating func observe(
        present: Set<VNI>,
        wanted: Set<VNI>,
        at now: ContinuousClock.Instant
    ) -> [VNI] {
        let strays = present.subtracting(wanted)
        // The grace time of one that was wanted again, or absent, in between begins anew.
        seen = seen.filter { strays.contains($0.key) }
        for stray in strays where seen[stray] == nil { seen[stray] = now }
        return seen.filter { now - $0.value >= grace }.keys.sorted()
    }
}
