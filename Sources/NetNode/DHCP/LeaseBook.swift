import ClusterModel

/// The leases of all networks as they were last written down, and what has changed since; pure.
struct LeaseBook: Sendable {
    /// The leases of one server, as its file has them.
    struct Found: Sendable, Hashable {
        let network: NetworkID
        /// The process that gave them: another one begins with none, and says nothing of those of the one before.
        let pid: Int32
        /// By lease, when it ends, in seconds of this machine's clock.
        let ends: [LeaseFile.Lease: UInt64]
    }

    /// The changes of one server's leases that are to be written down.
    struct Changes: Sendable, Hashable {
        var written: [LeaseFile.Lease: UInt64] = [:]
        /// The addresses that were given back.
        var deleted: [IPv4Address] = []

        var isEmpty: Bool { written.isEmpty && deleted.isEmpty }
    }

    private var known: [VNI: Found] = [:]

    /// Returns what is to be written down of a server's leases; to be followed by ``note(_:of:)`` once it is.
    func changes(_ found: Found, of vni: VNI) -> Changes {
        guard let old = known[vni], old.network == found.network, old.pid == found.pid else {
            return Changes(written: found.ends)
        }
        let addresses = Set(found.ends.keys.map(\.address))
        return Changes(
            written: found.ends.filter { old.ends[$0.key] != $0.value },
            deleted: old.ends.keys.map(\.address).filter { !addresses.contains($0) }.sorted()
        )
    }

    /// Takes note of what is written down of a server's leases.
    mutating func note(_ found: Found, of vni: VNI) { known[vni] = found }

    /// Forgets what is written down, so that all leases are written again.
    mutating func forget() { known = [:] }
}
