/// A range of IPv4 addresses that share a prefix of any length, such as `10.1.0.0/24` or `10.1.0.7/32`.
package struct IPv4CIDR: TextValue {
    /// The first address of the range.
    package let network: IPv4Address

    /// The number of leading bits that all addresses of the range share, 0 to 32.
    package let prefixLength: Int

    /// Parses `network/prefix`, or an address alone, which is the range of that one address.
    ///
    /// - Throws: `ValueError` for anything else, and for bits of the address that are set behind the prefix; the
    ///   message then names the range that was probably meant.
    package init(_ text: String) throws(ValueError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count <= 2,
            let address = IPv4Address.parse(parts[0]),
            let length = parts.count == 1 ? 32 : WholeNumber.parse(parts[1], in: 0...32)
        else {
            throw ValueError("address range", found: text, expected: "an IPv4 address or range, such as 10.1.0.0/24")
        }
        self.init(masking: IPv4Address(rawValue: address), to: length)
        guard network.rawValue == address else {
            throw ValueError(
                "address range",
                found: text,
                expected: "no host bits behind the prefix, such as \(self)"
            )
        }
    }

    /// Takes the range of a prefix length, 0 to 32, in which an address lies.
    package init(masking address: IPv4Address, to prefixLength: Int) {
        network = IPv4Address(rawValue: address.rawValue & Self.mask(prefixLength))
        self.prefixLength = prefixLength
    }

    /// The first address and the prefix, such as `10.1.0.7/32`.
    package var description: String { "\(network)/\(prefixLength)" }

    /// A Boolean value that indicates whether the range is that of one address.
    package var isOneAddress: Bool { prefixLength == 32 }

    /// The mask that goes with the prefix, such as `255.255.255.0`.
    package var netmask: IPv4Address { IPv4Address(rawValue: Self.mask(prefixLength)) }

    /// The last address of the range.
    package var last: IPv4Address { IPv4Address(rawValue: network.rawValue | ~netmask.rawValue) }

    /// Returns whether the address lies in the range.
    package func contains(_ address: IPv4Address) -> Bool {
        address.rawValue & netmask.rawValue == network.rawValue
    }

    /// Returns whether every address of the other range lies in this one.
    package func contains(_ other: IPv4CIDR) -> Bool {
        prefixLength <= other.prefixLength && contains(other.network)
    }

    /// Returns whether the two ranges have an address in common; then one of them lies in the other.
    package func overlaps(_ other: IPv4CIDR) -> Bool {
        contains(other) || other.contains(self)
    }

    /// Orders by address, and a range before those that lie in it.
    package static func < (left: IPv4CIDR, right: IPv4CIDR) -> Bool {
        (left.network, left.prefixLength) < (right.network, right.prefixLength)
    }

    private static func mask(_ length: Int) -> UInt32 {
        // A shift by the full width gives zero in Swift, so /0 needs no case of its own.
        UInt32.max << (32 - UInt32(length))
    }
}

extension [IPv4CIDR] {
    /// The same addresses, in order and without the ranges that lie in another one of them.
    package var withoutNested: [IPv4CIDR] {
        sorted().reduce(into: []) { ranges, range in
            // A range comes before all that lie in it, and two ranges overlap only where one lies in the other.
            if ranges.last?.contains(range) != true { ranges.append(range) }
        }
    }
}
