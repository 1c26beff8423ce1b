import Glibc

/// The user who runs this command, for the history.
enum Requester {
    /// `USER@HOST`; behind sudo the user who called it.
    static var current: String { "\(user)@\(host)" }

    private static var user: String {
        if let name = getenv("SUDO_USER").map({ String(cString: $0) }), !name.isEmpty { return name }
        // The user database may not know a container's user; the number says who it is then.
        return getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? String(geteuid())
    }

    private static var host: String {
        // HOST_NAME_MAX is 64 on Linux.
        var name = [CChar](repeating: 0, count: 65)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
