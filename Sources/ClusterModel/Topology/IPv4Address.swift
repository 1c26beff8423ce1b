/// An IPv4 address.
public struct IPv4Address: TextValue {
    /// The address as a number: `10.0.0.1` is `0x0a00_0001`, whatever the byte order of the machine.
    public let rawValue: UInt32

    /// Makes the address that has this number; every number is an address.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Parses a strict dotted quad.
    ///
    /// Leading zeros are refused, because some readers take them for octal; so are the short forms of `inet_aton`.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        guard let address = Self.parse(text.utf8) else {
            throw ValueError(
                "IPv4 address",
                found: text,
                expected: "four numbers from 0 to 255 without leading zeros, such as 10.0.0.1"
            )
        }
        self.init(rawValue: address)
    }

    /// The four octets in the order in which they are written and sent.
    public var octets: [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rawValue >> $0) }
    }

    /// The address as a dotted quad.
    public var description: String {
        octets.map(String.init).joined(separator: ".")
    }

    /// Orders by number, so that `10.0.0.9` comes before `10.0.0.10`.
    public static func < (left: IPv4Address, right: IPv4Address) -> Bool {
        left.rawValue < right.rawValue
    }

    /// A Boolean value that indicates whether a host can have it in a network; of loopback and link-local addresses,
    /// each host has its own.
    package var isOfHost: Bool {
        let never: [SpecialPurposeRange] = [.thisNetwork, .multicast, .reserved]
        return !never.contains { $0.range.contains(self) }
    }

    package static func parse(_ text: some Collection<UInt8>) -> UInt32? {
        // 15 is the length of 255.255.255.255.
        guard text.count <= 15 else { return nil }
        let groups = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard groups.count == 4 else { return nil }
        var address: UInt32 = 0
        for group in groups {
            guard let octet = WholeNumber.parse(group, in: 0...255) else { return nil }
            address = address << 8 | UInt32(octet)
        }
        return address
    }
}
