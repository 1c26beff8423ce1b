import ChildProcess
import Glibc

/// The directory of a network's server, and the files of ours in it.
///
/// Nothing in it needs to outlive the machine: a directory on a memory file system is the best. It names the guests of
/// a tenant, so that nobody but the server's group may read it.
struct ServerDisk: Sendable {
    let paths: ServerPaths
    let credentials: Credentials

    /// A step that the kernel refused.
    struct Failure: Error {
        let path: String
        let attempt: String
        let error: Int32
    }

    /// The largest file that is read: 65,534 guests with the longest names have some 13 MB.
    private static let longest = 64 << 20

    /// Reads what is there; a file that is not there is nil, one that cannot be read an error.
    func read() throws(Failure) -> ServerPlan.Disk {
        ServerPlan.Disk(
            configuration: try bytes(of: paths.configuration),
            hosts: try bytes(of: paths.hosts),
            names: try bytes(of: paths.names)
        )
    }

    /// Makes the directory if it is not there, and opens it to the server alone.
    func make() throws(Failure) {
        if mkdir(paths.directory, 0o750) != 0, errno != EEXIST {
            throw Failure(path: paths.directory, attempt: "make", error: errno)
        }
        guard chown(paths.directory, getuid(), credentials.group) == 0, chmod(paths.directory, 0o750) == 0 else {
            throw Failure(path: paths.directory, attempt: "give away", error: errno)
        }
    }

    /// Writes the three texts, those that differ.
    func write(_ files: ServerFiles, over disk: ServerPlan.Disk) throws(Failure) {
        for (path, text, old) in [
            (paths.configuration, files.configuration, disk.configuration),
            (paths.hosts, files.hosts, disk.hosts),
            (paths.names, files.names, disk.names),
        ] where !ServerPlan.isSame(old, text) {
            try replace(path, by: Array(text.utf8))
        }
    }

    /// Puts an empty lease file there, which dnsmasq's user owns.
    func forgetLeases() throws(Failure) {
        try replace(paths.leases, by: [], owner: credentials.user)
    }

    /// The lease file's text; empty when there is none.
    func leases() throws(Failure) -> String {
        String(decoding: try bytes(of: paths.leases) ?? [], as: UTF8.self)
    }

    /// Removes the files of ours, and the directory if nothing else is in it.
    func remove() throws(Failure) {
        for path in [paths.configuration, paths.hosts, paths.names, paths.leases] {
            for name in [path, Self.unfinished(path)] where unlink(name) != 0 && errno != ENOENT && errno != ENOTDIR {
                throw Failure(path: name, attempt: "remove", error: errno)
            }
        }
        if rmdir(paths.directory) != 0, ![ENOENT, ENOTEMPTY, EEXIST].contains(errno) {
            throw Failure(path: paths.directory, attempt: "remove", error: errno)
        }
    }

    /// The suffix of a file's name until the file is whole.
    static let unfinishedSuffix = ".new"

    private static func unfinished(_ path: String) -> String { path + unfinishedSuffix }

    /// Replaces a file by rename: a reader sees the old or the new one, and never none.
    ///
    /// A hosts file that is missing at SIGHUP would make dnsmasq forget every guest, without a log line.
    private func replace(_ path: String, by bytes: [UInt8], owner: uid_t? = nil) throws(Failure) {
        let new = Self.unfinished(path)
        // A file that an earlier process has left half written.
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Failure(path: new, attempt: "create", error: errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else { throw Failure(path: new, attempt: "write", error: errno) }
            rest = rest.dropFirst(max(0, count))
        }
        // Whatever the umask is; in this order, because the mode of another user's file needs one more capability.
        guard fchmod(descriptor, 0o640) == 0, fchown(descriptor, owner ?? getuid(), credentials.group) == 0 else {
            throw Failure(path: new, attempt: "give away", error: errno)
        }
        guard rename(new, path) == 0 else { throw Failure(path: path, attempt: "replace", error: errno) }
    }

    private func bytes(of path: String) throws(Failure) -> [UInt8]? {
        do {
            return try SmallFile.bytes(of: path, limit: Self.longest)
        } catch {
            if error.number == ENOENT { return nil }
            throw Failure(path: path, attempt: "read", error: error.number)
        }
    }
}

/// A file that is read whole.
enum SmallFile {
    /// The kernel's error number; EFBIG for a file over its limit.
    struct Failure: Error {
        let number: Int32
    }

    /// Reads a file; those of `/proc` too, which have no size.
    static func bytes(of path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Failure(number: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            guard count > 0 || errno == EINTR else { throw Failure(number: errno) }
            bytes += buffer.prefix(max(0, count))
            guard bytes.count <= limit else { throw Failure(number: EFBIG) }
        }
    }
}
