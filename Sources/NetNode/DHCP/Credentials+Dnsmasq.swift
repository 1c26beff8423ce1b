import ChildProcess
import Glibc

extension Credentials {
    /// The users that dnsmasq may run as, in the order of preference.
    private static let dnsmasqUsers = ["dnsmasq", "nobody"]

    /// The user that dnsmasq runs as from its first instruction, with the capabilities that it needs for its work.
    ///
    /// Its package makes the user `dnsmasq`; where only the program is installed, it is `nobody`. It must not begin as
    /// root: by becoming another user it would lose its parent-death signal.
    ///
    /// - Throws: ``ServerError`` when the machine has neither.
    package static func dnsmasq() throws(ServerError) -> Credentials {
        for name in dnsmasqUsers {
            guard let (user, group) = ids(of: name) else { continue }
            return Credentials(user: user, group: group, capabilities: [.netAdmin, .netRaw, .netBindService])
        }
        throw ServerError(.noUser(dnsmasqUsers), vni: nil, namespacePath: "")
    }

    private static func ids(of name: String) -> (user: uid_t, group: gid_t)? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        // Room for the strings of an entry, of which none is used; longer than any that a machine has by itself.
        var strings = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &strings, strings.count, &found) == 0, found != nil else { return nil }
        return (entry.pw_uid, entry.pw_gid)
    }
}
