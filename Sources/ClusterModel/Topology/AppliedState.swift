import DatabaseTime

/// The generation that a node has reached with one part of a network.
package struct AppliedState: Sendable, Hashable {
    package let node: NodeName
    package let what: AppliedPart
    package let generation: Int
    /// The term of the election under which it was reached.
    package let term: Int

    package init(node: NodeName, what: AppliedPart, generation: Int, term: Int) {
        self.node = node
        self.what = what
        self.generation = generation
        self.term = term
    }
}

/// The reason why a node cannot bring a part of a network to its wanted generation.
package struct NetworkProblem: Sendable, Hashable {
    package let node: NodeName
    package let what: String
    /// The time at which it was first recorded, by the database's clock.
    package let since: Timestamp
    package let message: String

    package init(node: NodeName, what: String, since: Timestamp, message: String) {
        self.node = node
        self.what = what
        self.since = since
        self.message = message
    }
}
