/// The destination of the networks' egress: the addresses of the segment outside, and which of them are ours to give
/// out.
package struct ExternalNetwork: Sendable, Hashable {
    package let cidr: CIDR
    /// The next router.
    package let gateway: IPv4Address
    /// The first and the last address that may be given out; the gateway's is left out where it lies between them.
    package let first: IPv4Address
    package let last: IPv4Address

    /// Describes it.
    ///
    /// - Parameters:
    ///   - cidr: the segment's addresses.
    ///   - gateway: the next router.
    ///   - first: the first address to give out; nil is the first usable one.
    ///   - last: the last address to give out; nil is the last usable one.
    /// - Throws: `ClusterOpsError` with code `invalid` for addresses that are not of hosts of the segment, or no range.
    package init(
        cidr: CIDR,
        gateway: IPv4Address,
        first: IPv4Address? = nil,
        last: IPv4Address? = nil
    ) throws(ClusterOpsError) {
        let (first, last) = (first ?? cidr.firstUsable, last ?? cidr.lastUsable)
        for (what, address) in [("gateway", gateway), ("first address", first), ("last address", last)] {
            guard (cidr.firstUsable...cidr.lastUsable).contains(address) else {
                throw ClusterOpsError(.invalid, "\(what) \(address): expected the address of a host of \(cidr)")
            }
        }
        guard first <= last else {
            throw ClusterOpsError(.invalid, "the range of addresses ends at \(last), before it begins at \(first)")
        }
        self.init(valid: cidr, gateway, first, last)
    }

    package init(valid cidr: CIDR, _ gateway: IPv4Address, _ first: IPv4Address, _ last: IPv4Address) {
        self.cidr = cidr
        self.gateway = gateway
        self.first = first
        self.last = last
    }

    /// Returns whether the address is one to give out.
    package func contains(_ address: IPv4Address) -> Bool {
        (first...last).contains(address) && address != gateway
    }

    /// The number of addresses that there are to give out.
    package var size: Int {
        Int(last.rawValue - first.rawValue) + 1 - ((first...last).contains(gateway) ? 1 : 0)
    }

    /// The lowest address that nobody has; nil when all are given out.
    package func firstFree(except taken: Set<IPv4Address>) -> IPv4Address? {
        // At most one more than is taken is looked at, but for the gateway.
        for number in first.rawValue...last.rawValue {
            let address = IPv4Address(rawValue: number)
            if contains(address), !taken.contains(address) { return address }
        }
        return nil
    }
}
