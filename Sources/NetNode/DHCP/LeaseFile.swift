import ClusterModel
import ClusterStore

/// The leases of a dnsmasq, as it has written them to its lease file.
package struct LeaseFile: Sendable, Hashable {
    /// An address that a guest holds until the lease ends, also when the hosts file gives it to another one by now.
    package struct Lease: Sendable, Hashable {
        package let mac: MACAddress
        package let address: IPv4Address

        package init(mac: MACAddress, address: IPv4Address) {
            self.mac = mac
            self.address = address
        }
    }

    package let leases: [Lease]
    /// By lease, when it ends, in seconds since 1970 on the clock of the server's machine.
    let ends: [Lease: UInt64]

    /// Reads a file: on each line the end of the lease, MAC, address, name and client id, of which ours have
    /// none (``ServerFiles``).
    ///
    /// - Throws: ``LeaseFileError`` at the first line that is no lease, or not whole.
    package init(_ text: String) throws(LeaseFileError) {
        guard text.isEmpty || text.hasSuffix("\n") else { throw LeaseFileError(line: text.suffix(200).description) }
        var leases: [Lease] = []
        var ends: [Lease: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 5, let end = UInt64(fields[0]),
                let mac = try? MACAddress(String(fields[1])), let address = try? IPv4Address(String(fields[2]))
            else { throw LeaseFileError(line: String(line)) }
            let lease = Lease(mac: mac, address: address)
            leases.append(lease)
            ends[lease] = end
        }
        (self.leases, self.ends) = (leases, ends)
    }

    /// The leases of guests that are not wanted: they keep an address from the guest that is to have it.
    package func strays(among hosts: [ServerWanted.Host]) -> [Lease] {
        let wanted = Set(hosts.map { Lease(mac: $0.mac, address: $0.address) })
        return leases.filter { !wanted.contains($0) }
    }
}

/// A lease file that cannot be understood.
package struct LeaseFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package let line: String

    package var description: String { "expected a lease, found '\(line)'" }
}
