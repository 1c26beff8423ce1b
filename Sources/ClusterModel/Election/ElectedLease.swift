/// The leases that a cluster elects holders of.
package enum ElectedLease {
    /// The lease of the elected network node.
    package static let networkNode = "networknode"
}
