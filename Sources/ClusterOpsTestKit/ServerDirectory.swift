import Foundation

/// The directory of one private server, owned as long as this process lives.
public struct ServerDirectory: Sendable {
    private static let prefix = "clusterops-test-"
    /// In order of preference: hundreds of fresh schemas, each a dozen files to be synced, are slow on a busy disk.
    private static let parents = ["/dev/shm", "/tmp"]

    /// The directory itself; short, because a unix socket's path has 107 bytes.
    public let path: String

    /// The directory of the server's tables.
    public var data: String { "\(path)/data" }
    /// The path at which the server listens.
    public var socket: String { "\(path)/socket" }
    /// The path of the server's process id.
    public var pidFile: String { "\(path)/pid" }
    /// The path of what the server and its tools print.
    public var log: String { "\(path)/log" }
    /// The path of the server's own log.
    var errorLog: String { "\(path)/log.err" }

    /// The end of the log, for failure messages.
    public var endOfLog: String {
        let text = [log, errorLog].map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }.joined()
        return String(text.suffix(2000))
    }

    /// Makes the directory and locks it for the life of this process.
    init(onDisk: Bool = false) throws {
        let random = String(UInt32.random(in: .min ... .max), radix: 36)
        let parent =
            (onDisk ? Self.parents.reversed() : Self.parents).first { FileManager.default.isWritableFile(atPath: $0) }
            ?? "/tmp"
        path = "\(parent)/\(Self.prefix)\(getpid())-\(random)"
        _ = Self.abandonedAreSwept
        // Locked before it has a name that a sweep looks for: another run must never see it unowned.
        let unnamed = "\(parent)/.\(Self.prefix)\(getpid())-\(random)"
        try FileManager.default.createDirectory(atPath: unnamed, withIntermediateDirectories: true)
        guard Self.lock(unnamed), rename(unnamed, path) == 0 else {
            throw PrivateServer.StartFailure(description: "cannot lock \(path)")
        }
    }

    /// Makes a directory for one test's files inside this one, so that it is swept with it.
    public func scratch() throws -> String {
        let scratch = "\(path)/scratch-\(String(UInt32.random(in: .min ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        return scratch
    }

    /// Gives it, with an empty directory for tables, to a user who has no rights, where this process may; a server of
    /// Galera is never run as root.
    func give(to user: String) throws {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
        guard geteuid() == 0, let account = getpwnam(user) else { return }
        for path in [path, data] { chown(path, account.pointee.pw_uid, account.pointee.pw_gid) }
    }

    /// Removes the directory and all that is in it.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }

    private static let abandonedAreSwept: Void = sweepAbandoned()

    /// Ends what test runs that were killed have left behind, and removes their directories.
    package static func sweepAbandoned() {
        let paths = parents.flatMap { parent in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
            return names.filter { $0.hasPrefix(prefix) }.map { "\(parent)/\($0)" }
        }
        for path in paths {
            // The lock goes with its process, however that ended; who can take it has found an orphan.
            guard lock(path) else { continue }
            endProcesses(of: path)
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    private static func lock(_ path: String) -> Bool {
        let descriptor = open("\(path)/owner", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        close(descriptor)
        return false
    }

    /// Ends the processes that name the directory on their command line or in their environment: mariadbd, and the
    /// daemons that the killed run had started on it.
    private static func endProcesses(of path: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for process in names.compactMap({ Int32($0) }) where process != getpid() {
            let traces = ["cmdline", "environ"].compactMap {
                ProcFile.bytes("/proc/\(process)/\($0)")
            }
            if traces.contains(where: { String(decoding: $0, as: UTF8.self).contains(path) }) { kill(process, SIGKILL) }
        }
    }
}
