/// The IPv4 addresses that no host of a network can have, by purpose (RFC 6890).
package enum SpecialPurposeRange: CaseIterable, Sendable {
    case thisNetwork
    case loopback
    case linkLocal
    case multicast
    /// With the limited broadcast address.
    case reserved

    /// The addresses.
    package var range: IPv4CIDR {
        switch self {
        case .thisNetwork: IPv4CIDR(masking: IPv4Address(rawValue: 0), to: 8)
        case .loopback: IPv4CIDR(masking: IPv4Address(rawValue: 0x7f00_0000), to: 8)
        case .linkLocal: IPv4CIDR(masking: IPv4Address(rawValue: 0xa9fe_0000), to: 16)
        case .multicast: IPv4CIDR(masking: IPv4Address(rawValue: 0xe000_0000), to: 4)
        case .reserved: IPv4CIDR(masking: IPv4Address(rawValue: 0xf000_0000), to: 4)
        }
    }

    /// The addresses with what they are for, such as `127.0.0.0/8 is loopback`.
    package var sentence: String {
        let purpose =
            switch self {
            case .thisNetwork: "\"this network\""
            case .loopback: "loopback"
            case .linkLocal: "link-local"
            case .multicast: "multicast"
            case .reserved: "reserved, with the limited broadcast address"
            }
        return "\(range) is \(purpose) (RFC 6890)"
    }

    /// Returns the first purpose with which a range has addresses in common; nil where hosts can have all of them.
    package static func overlapping(_ range: IPv4CIDR) -> SpecialPurposeRange? {
        allCases.first { $0.range.overlaps(range) }
    }
}
