import ClusterOps

/// What a dnsmasq has written of the leases that it has given.
package struct LeaseFile: Sendable, Hashable {
    /// An address that is somebody's until the lease ends, whatever the hosts file says by now.
    package struct Lease: Sendable, Hashable {
        package let mac: MACAddress
        package let address: IPv4Address

        package init(mac: MACAddress, address: IPv4Address) {
            self.mac = mac
            self.address = address
        }
    }

    package let leases: [Lease]

    /// Reads a file: on each line the end of the lease, MAC, address, name and client id.
    ///
    /// - Throws: ``LeaseFileError`` at the first line that is no lease, or not whole.
    package init(_ text: String) throws(LeaseFileError) {
        guard text.isEmpty || text.hasSuffix("\n") else { throw LeaseFileError(line: text.suffix(200).description) }
        var leases: [Lease] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 5, UInt64(fields[0]) != nil,
                let mac = try? MACAddress(String(fields[1])), let address = try? IPv4Address(String(fields[2]))
            else { throw LeaseFileError(line: String(line)) }
            leases.append(Lease(mac: mac, address: address))
        }
        self.leases = leases
    }

    /// The leases that belong to nobody wanted: they keep an address from whom it is wanted for.
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
