import ClusterModel

/// Decides which VNIs of this node are strays: their names, devices or files are there, and no network wants them here.
///
/// Pure.
///
/// A stray goes only after it has been seen as one for a whole grace time: a network that is just being added is made
/// in the kernel by one task while another one searches for strays.
package struct StrayWatch: Sendable {
    /// The grace time in maintenance passes: a minute by default, longer than anything takes that is under way.
    static let passes = 2

    private let grace: Duration
    private var seen: [VNI: ContinuousClock.Instant] = [:]

    package init(grace: Duration) {
        self.grace = grace
    }

    /// Takes note of what is there, and says what has to go.
    ///
    /// - Parameters:
    ///   - present: the VNIs of which something is there, all of them: of a read that failed nothing may be told here.
    ///   - wanted: those that are wanted on this node.
    ///   - now: when that was so.
    /// - Returns: Those that have been strays for the grace time, ascending.
    package mutating func observe(
        present: Set<VNI>,
        wanted: Set<VNI>,
        at now: ContinuousClock.Instant
    ) -> [VNI] {
        let strays = present.subtracting(wanted)
        // One that was wanted again, or gone, in between begins anew.
        seen = seen.filter { strays.contains($0.key) }
        for stray in strays where seen[stray] == nil { seen[stray] = now }
        return seen.filter { now - $0.value >= grace }.keys.sorted()
    }
}
