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

    /// The leases of one server in the database, as far as they are known.
    private struct Known: Sendable {
        var found: Found
        /// The addresses of which it is not known what is written: a write of them may have been committed or not.
        var doubted: Set<IPv4Address> = []

        func isOfSameServer(as other: Found) -> Bool { found.network == other.network && found.pid == other.pid }
    }

    private var known: [VNI: Known] = [:]

    /// Returns what is to be written down of a server's leases; to be followed by ``begin(_:from:of:)``, and by
    /// ``note(_:of:)`` once it is.
    func changes(_ found: Found, of vni: VNI) -> Changes {
        guard let old = known[vni], old.isOfSameServer(as: found) else { return Changes(written: found.ends) }
        let addresses = Set(found.ends.keys.map(\.address))
        return Changes(
            written: found.ends.filter {
                old.found.ends[$0.key] != $0.value || old.doubted.contains($0.key.address)
            },
            deleted: old.doubted.union(old.found.ends.keys.map(\.address)).subtracting(addresses).sorted()
        )
    }

    /// Takes note that changes are about to be written down: should that fail, nobody knows whether they are.
    mutating func begin(_ changes: Changes, from found: Found, of vni: VNI) {
        guard !changes.isEmpty else { return }
        if known[vni]?.isOfSameServer(as: found) != true {
            known[vni] = Known(found: Found(network: found.network, pid: found.pid, ends: [:]))
        }
        known[vni]?.doubted.formUnion(changes.written.keys.map(\.address))
        known[vni]?.doubted.formUnion(changes.deleted)
    }

    /// Takes note of what is written down of a server's leases.
    mutating func note(_ found: Found, of vni: VNI) { known[vni] = Known(found: found) }

    /// Doubts all that is written down, so that all leases are written again, and those that were given back deleted.
    mutating func doubtAll() {
        for (vni, known) in known {
            self.known[vni]?.doubted.formUnion(known.found.ends.keys.map(\.address))
        }
    }
}
