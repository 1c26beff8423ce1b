/// The address range of a guest network: an IPv4 network and the length of its prefix, such as `10.1.0.0/24`.
package struct CIDR: TextValue {
    /// The prefixes that a guest network may have: `/30` still has room for the server and one guest, and nothing
    /// that IPv4 hands out is larger than `/8`.
    package static let prefixLengths = 8...30

    /// The network as a range of addresses.
    package let range: IPv4CIDR

    /// The address of the network itself, which no host has.
    package var network: IPv4Address { range.network }

    /// The number of leading bits that all addresses of the network share, 8 to 30.
    package var prefixLength: Int { range.prefixLength }

    /// Parses `network/prefix`.
    ///
    /// - Throws: `ValueError` for anything else, for a prefix outside 8 to 30, for addresses that no host can have, and
    ///   for bits of the address that are set behind the prefix; the message then names the network that was probably
    ///   meant.
    package init(_ text: String) throws(ValueError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 2,
            let address = IPv4Address.parse(parts[0]),
            let length = WholeNumber.parse(parts[1], in: 0...32)
        else {
            throw ValueError("CIDR", found: text, expected: "an IPv4 network and a prefix, such as 10.1.0.0/24")
        }
        guard Self.prefixLengths.contains(length) else {
            throw ValueError("CIDR", found: text, expected: "a prefix from /8 to /30 for a guest network")
        }
        range = IPv4CIDR(masking: IPv4Address(rawValue: address), to: length)
        guard range.network.rawValue == address else {
            throw ValueError("CIDR", found: text, expected: "no host bits behind the prefix, such as \(range)")
        }
        if let special = SpecialPurposeRange.overlapping(range) {
            throw ValueError("CIDR", found: text, expected: "addresses that hosts can have: \(special.sentence)")
        }
    }

    /// The network and its prefix, such as `10.1.0.0/24`.
    package var description: String { range.description }

    /// The mask that goes with the prefix, such as `255.255.255.0`.
    package var netmask: IPv4Address { range.netmask }

    /// The last address of the network, which no host has.
    package var broadcast: IPv4Address { range.last }

    /// The first address that a host can have.
    package var firstUsable: IPv4Address { IPv4Address(rawValue: network.rawValue + 1) }

    /// The last address that a host can have.
    package var lastUsable: IPv4Address { IPv4Address(rawValue: broadcast.rawValue - 1) }

    /// The address of the network's DHCP and DNS server and router: the first usable one, which no interface may have.
    package var serverAddress: IPv4Address { firstUsable }

    /// The number of addresses that hosts can have, the server's included.
    package var usableHostCount: Int { Int(broadcast.rawValue - network.rawValue) - 1 }

    /// Returns whether the address lies in the network; the network's own and the broadcast address do.
    package func contains(_ address: IPv4Address) -> Bool { range.contains(address) }

    /// Returns whether the two networks have an address in common.
    package func overlaps(_ other: CIDR) -> Bool { range.overlaps(other.range) }

    /// Orders by address, and a network before those that lie in it.
    package static func < (left: CIDR, right: CIDR) -> Bool { left.range < right.range }
}
