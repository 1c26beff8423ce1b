/// The standing of a node in the cluster, as the session of its netnode has last seen it.
///
/// It comes with the session's look, so that an idle netnode has nothing else to ask for. A process whose looks fail
/// has none once a lease has passed, and asks by itself.
package struct NodeStanding: Sendable, Hashable {
    /// A Boolean value that indicates whether the node may be elected: it has the network role and is active.
    package let mayBeElected: Bool
    /// The nodes that it probes.
    package let probePlan: ProbePlan?
    /// The moment from which it is too old to go by.
    package let expiresAt: ContinuousClock.Instant

    package init(mayBeElected: Bool, probePlan: ProbePlan?, expiresAt: ContinuousClock.Instant) {
        self.mayBeElected = mayBeElected
        self.probePlan = probePlan
        self.expiresAt = expiresAt
    }
}
