import Glibc

/// The facts that `/proc` has of a process; each property reads them anew.
struct ProcessFacts: Sendable {
    let pid: pid_t

    /// A table of sockets, a status: those of a network's namespace are short.
    private static let longest = 4 << 20

    /// The identity of a namespace: the device and inode of its file.
    struct Namespace: Sendable, Hashable {
        let device: UInt64
        let inode: UInt64

        /// Asks for the namespace of a file such as `/run/netns/co-7`, or of `/proc/{pid}/ns/net`; nil with `errno`.
        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    /// Its network namespace; nil when it is gone, or a zombie.
    var namespace: Namespace? { Namespace(of: "/proc/\(pid)/ns/net") }

    /// Its mount namespace; nil when it is gone, or a zombie.
    var mounts: Namespace? { Namespace(of: "/proc/\(pid)/ns/mnt") }

    /// Its command line, word by word; nil when it is gone, empty for a zombie and for a thread of the kernel.
    var arguments: [String]? {
        text("cmdline")?.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    }

    /// Returns whether a socket in its namespace is bound to a UDP port.
    func hasBound(port: UInt16) -> Bool {
        let suffix = ":" + Self.hexadecimal(port)
        return (text("net/udp") ?? "").split(separator: "\n").dropFirst().contains { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            return fields.count > 1 && fields[1].hasSuffix(suffix)
        }
    }

    /// The number that the kernel has given to a device of its namespace; nil when there is none, or none with an
    /// address.
    func index(of device: String) -> Int? {
        for line in (text("net/igmp") ?? "").split(separator: "\n").dropFirst() where line.first?.isNumber == true {
            let fields = line.split { $0 == " " || $0 == "\t" || $0 == ":" }
            if fields.count > 1, fields[1] == device { return Int(fields[0]) }
        }
        return nil
    }

    /// The counts of the times that it has been put to sleep, if it sleeps now: two equal answers mean that it has done
    /// nothing between.
    var sleep: [String]? {
        guard let lines = text("status")?.split(separator: "\n"),
            lines.contains(where: { $0.hasPrefix("State:\tS") })
        else { return nil }
        return lines.filter { $0.hasPrefix("voluntary_ctxt_switches:") || $0.hasPrefix("nonvoluntary_ctxt_switches:") }
            .map(String.init)
    }

    private func text(_ name: String) -> String? {
        guard let bytes = try? SmallFile.bytes(of: "/proc/\(pid)/\(name)", limit: Self.longest) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ port: UInt16) -> String {
        let digits = String(port, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
