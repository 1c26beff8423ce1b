import ClusterModel

/// A network with all that the database knows of it at one moment.
package struct NetworkSnapshot: Sendable, Hashable {
    package let record: NetworkRecord
    /// The address under which its guests are seen outside; nil without NAT.
    package let externalAddress: IPv4Address?
    package let applied: [AppliedState]
    package let problems: [NetworkProblem]
    /// The parts that have not reached the wanted generation.
    package let missing: [Convergence.Missing]
    /// The nodes with a live netnode; of those on which no part is missing, not all.
    package internal(set) var withNetnode: Set<NodeName> = []
    /// A Boolean value that indicates whether every node has reached what is wanted, and packets get from one to the
    /// other.
    package let converged: Bool
}
