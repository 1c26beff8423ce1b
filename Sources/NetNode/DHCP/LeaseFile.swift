import ClusterModel
import ClusterStore

/// The leases of a dnsmasq, as it has written them to its lease file.
package struct LeaseFile: Sendable, Hashable {
    /// An address that a guest holds until the lease ends, also when the hosts file gives it to another one by now.
    package struct Lease: Sendable, Hashable {
        package let mac: MACAddress
        package let address: IPv4Address
        /// The identifier by which the client calls itself beside its MAC; empty for none.
        package let clientID: [UInt8]

        package init(mac: MACAddress, address: IPv4Address, clientID: [UInt8] = []) {
            self.mac = mac
            self.address = address
            self.clientID = clientID
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
                let mac = try? MACAddress(String(fields[1])), let address = try? IPv4Address(String(fields[2])),
                let clientID = Self.clientID(fields[4])
            else { throw LeaseFileError(line: String(line)) }
            leases.append(Lease(mac: mac, address: address, clientID: clientID))
        }
        self.leases = leases
    }

    /// The leases of guests that are not wanted: they keep an address from the guest that is to have it.
    package func strays(among hosts: [ServerWanted.Host]) -> [Lease] {
        let wanted = Set(hosts.map { Lease(mac: $0.mac, address: $0.address) })
        return leases.filter { !wanted.contains(Lease(mac: $0.mac, address: $0.address)) }
    }

    /// Octets in hexadecimal with colons between, or `*` for none; nil for anything else, and for more than a message
    /// can carry.
    private static func clientID(_ text: Substring) -> [UInt8]? {
        if text == "*" { return [] }
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        let octets = groups.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
        return octets.count == groups.count && octets.count <= UInt8.max ? octets : nil
    }
}

/// A lease file that cannot be understood.
package struct LeaseFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package let line: String

    package var description: String { "expected a lease, found '\(line)'" }
}
