import ChildProcess
import Glibc

/// The dnsmasqs that an earlier process of this node has left behind.
///
/// There should be none: a dnsmasq dies with its netnode, and its own children with it. But on a kernel with other
/// rules (a security module that changes a program's domain clears its parent-death signal), or after an earlier
/// version, some may be left, and one that is left holds port 53.
struct Leftovers: Sendable {
    /// The file of the network's namespace for a configuration of this node; nil for one that is not of this node.
    let namespacePath: @Sendable (_ configuration: String) -> String?

    /// A killed process ends as soon as it is next scheduled.
    private static let limit: Duration = .seconds(5)
    private static let pace: Duration = .milliseconds(2)

    enum Failure: Error {
        /// With the kernel's error number.
        case noProcesses(Int32)
        case stays(pid_t)

        var reason: ServerError.Reason {
            switch self {
            case .noProcesses(let number): .file(path: "/proc", attempt: "read", error: number)
            case .stays(let pid): .leftoverStays(pid)
            }
        }
    }

    /// Kills them, and waits until they are gone.
    ///
    /// - Returns: The number of processes.
    func end() async throws -> Int {
        let left = try processes()
        for process in left { process.kill() }
        let deadline = ContinuousClock.now + Self.limit
        for process in left {
            while !process.hasEnded {
                guard ContinuousClock.now < deadline else { throw Failure.stays(process.pid) }
                try await Task.sleep(for: Self.pace)
            }
        }
        return left.count
    }

    private func processes() throws(Failure) -> [ForeignProcess] {
        guard let directory = opendir("/proc") else { throw Failure.noProcesses(errno) }
        defer { closedir(directory) }
        var processes: [ForeignProcess] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = pid_t(name), try isOurs(pid) else { continue }
            // Held by a pidfd first and read again then, so that the process that is killed is the one that was read.
            guard let process = ForeignProcess(pid: pid), try isOurs(pid), !process.hasEnded else { continue }
            processes.append(process)
        }
        return processes
    }

    /// Ours are those that were started with a configuration of ours *and* live in its network's namespace or among our
    /// mounts: a namespace may have lost its name or be made anew, and a path of another container is another file.
    private func isOurs(_ pid: pid_t) throws(Failure) -> Bool {
        let facts = ProcessFacts(pid: pid)
        // The command line first: reading it needs no right, and it rules nearly all processes out.
        guard let path = facts.arguments.flatMap(NetworkServer.configuration(in:)).flatMap(namespacePath) else {
            return false
        }
        guard let mounts = facts.mounts, let place = facts.namespace else {
            // Without CAP_SYS_PTRACE another user's namespaces cannot be read: then one may be left.
            if errno == EACCES { throw Failure.noProcesses(EACCES) }
            return false
        }
        return mounts == ProcessFacts(pid: getpid()).mounts || place == ProcessFacts.Namespace(of: path)
    }
}
