import Glibc

/// A user for a child to become before its program starts, with the capabilities it keeps.
///
/// Real, effective and saved ids are all set, and supplementary groups are replaced. `capabilities` become the child's
/// inheritable, permitted and ambient sets, so that they survive the start of an ordinary program by an ordinary user;
/// all others are gone. (User 0 gets its full set back at exec, as the kernel has it.) The change happens before the
/// parent-death signal is set, because the kernel clears that signal whenever credentials change: a program that
/// drops root by itself would outlive its parent.
public struct Credentials: Sendable {
    /// The user id.
    public var user: uid_t
    /// The primary group id.
    public var group: gid_t
    /// The other groups; none by default.
    public var supplementaryGroups: [gid_t]
    /// The capabilities kept across exec.
    ///
    /// The parent must hold each of them.
    public var capabilities: Set<Capability>

    /// Creates credentials; by default without supplementary groups and capabilities.
    public init(
        user: uid_t,
        group: gid_t,
        supplementaryGroups: [gid_t] = [],
        capabilities: Set<Capability> = []
    ) {
        self.user = user
        self.group = group
        self.supplementaryGroups = supplementaryGroups
        self.capabilities = capabilities
    }

    /// The capabilities as the kernel's bit set.
    var capabilityMask: UInt64 {
        capabilities.reduce(0) { $0 | 1 << UInt64($1.number) }
    }
}

/// One of the kernel's capabilities (capabilities(7)), by its number.
public struct Capability: Hashable, Sendable {
    /// The number in `linux/capability.h`, 0 to 63.
    public let number: UInt8

    /// Names a capability that has no constant here.
    public init(number: UInt8) {
        precondition(number < 64, "capability numbers are below 64, found \(number)")
        self.number = number
    }

    /// CAP_NET_BIND_SERVICE: ports below 1024.
    public static let netBindService = Capability(number: 10)
    /// CAP_NET_ADMIN: interfaces, routes, ARP entries.
    public static let netAdmin = Capability(number: 12)
    /// CAP_NET_RAW: raw and packet sockets, binding to a device.
    public static let netRaw = Capability(number: 13)
}
