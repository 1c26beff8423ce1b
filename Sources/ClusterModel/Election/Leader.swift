/// The holder of a lease, as far as the database's clock tells.
package struct Leader: Sendable, Hashable {
    /// The node that holds it; nil when none does.
    package let holder: NodeName?
    package let term: Int
    /// The time that is left unless it is renewed; nil when nobody holds it.
    package let expiresInSeconds: Double?

    package init(holder: NodeName?, term: Int, expiresInSeconds: Double?) {
        self.holder = holder
        self.term = term
        self.expiresInSeconds = expiresInSeconds
    }
}
