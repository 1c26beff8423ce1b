/// The hardware address of a guest's interface: six octets, unicast and not all zero.
package struct MACAddress: TextValue {
    /// The octets as one number, the first one on top: thousands of addresses are compared and sorted at each pass.
    private let number: UInt64

    /// The six octets in the order in which they are written and sent.
    package var octets: [UInt8] { [40, 32, 24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }

    /// Parses `aa:bb:cc:dd:ee:ff`; `-` as the separator and upper case are accepted too.
    ///
    /// - Throws: `ValueError` for anything else, with messages of their own for multicast addresses (the lowest bit of
    ///   the first octet is set) and for the address of all zeros.
    package init(_ text: String) throws(ValueError) {
        guard let octets = Self.octets(text) else {
            throw ValueError(
                "MAC address",
                found: text,
                expected: "six octets in hexadecimal such as 52:54:00:12:34:56, separated by colons or by dashes"
            )
        }
        guard octets.contains(where: { $0 != 0 }) else {
            throw ValueError("MAC address", found: text, expected: "an address that is not all zero")
        }
        guard octets.first?.isMultiple(of: 2) == true else {
            throw ValueError(
                "MAC address",
                found: text,
                expected: "a unicast address, whose first octet is even (this one is multicast)"
            )
        }
        self.init(octets: octets)
    }

    /// The address of a network's server and router, the same on every node that is elected: locally administered, the
    /// letters `co`, and the VNI.
    package static func gateway(of vni: VNI) -> MACAddress {
        let number = vni.rawValue
        return MACAddress(octets: [0x02, 0x63, 0x6f] + [16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) })
    }

    /// The hardware address of a network's external veth, the same on every node: locally administered, `ce`, and the
    /// external address, which nobody else has there; another cluster may well have the same VNI.
    package static func external(_ address: IPv4Address) -> MACAddress {
        MACAddress(octets: [0x02, 0xce] + address.octets)
    }

    /// Takes six octets that the kernel gave; nil when they are no guest's: multicast, or all zero.
    package init?(_ octets: some Collection<UInt8>) {
        guard octets.count == 6, octets.contains(where: { $0 != 0 }), octets.first?.isMultiple(of: 2) == true else {
            return nil
        }
        number = Self.number(octets)
    }

    private init(octets: [UInt8]) {
        number = Self.number(octets)
    }

    private static func number(_ octets: some Collection<UInt8>) -> UInt64 {
        octets.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The address in lower case with colons.
    package var description: String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }

    /// Orders by number, which is the order of the texts too.
    package static func < (left: MACAddress, right: MACAddress) -> Bool {
        left.number < right.number
    }

    private static func octets(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count == 17, bytes[2] == UInt8(ascii: ":") || bytes[2] == UInt8(ascii: "-") else { return nil }
        let groups = bytes.split(separator: bytes[2], omittingEmptySubsequences: false)
        guard groups.count == 6 else { return nil }
        var octets: [UInt8] = []
        for group in groups {
            guard group.count == 2, group.allSatisfy(\.isASCIIHexDigit),
                let octet = UInt8(String(decoding: group, as: UTF8.self), radix: 16)
            else { return nil }
            octets.append(octet)
        }
        return octets
    }
}
