import ChildProcess
import Glibc

/// What an earlier server of a network has left behind: a dnsmasq that was killed leaves its process for each open TCP
/// connection, and that one holds port 53.
struct Leftovers: Sendable {
    let namespacePath: String
    let configuration: String

    /// A killed process goes as soon as it is next scheduled.
    private static let limit: Duration = .seconds(5)
    private static let pace: Duration = .milliseconds(2)

    enum Failure: Error {
        /// With the kernel's error number.
        case noNamespace(Int32)
        case noProcesses(Int32)
        case stays(pid_t)

        var reason: ServerError.Reason {
            switch self {
            case .noNamespace(let number): .noNamespace(number)
            case .noProcesses(let number): .file(path: "/proc", attempt: "read", error: number)
            case .stays(let pid): .leftoverStays(pid)
            }
        }
    }

    /// Kills them, and waits until they are gone.
    ///
    /// - Returns: How many there were.
    func end() async throws -> Int {
        guard let namespace = ProcessFacts.Namespace(of: namespacePath) else { throw Failure.noNamespace(errno) }
        let left = try processes(in: namespace)
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

    /// Ours are those that live in the namespace *and* were started with the configuration: another node of the same
    /// machine has other namespaces, and another program in this namespace another command line.
    private func processes(in namespace: ProcessFacts.Namespace) throws -> [ForeignProcess] {
        guard let directory = opendir("/proc") else { throw Failure.noProcesses(errno) }
        defer { closedir(directory) }
        var processes: [ForeignProcess] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = pid_t(name) else { continue }
            // The command line first: anybody may read it, and it rules nearly all processes out.
            guard wasStartedByUs(pid) else { continue }
            guard let place = ProcessFacts(pid: pid).namespace else {
                // Without CAP_SYS_PTRACE another user's namespace is out of sight: then it cannot be said that none is left.
                if errno == EACCES { throw Failure.noProcesses(EACCES) }
                continue
            }
            guard place == namespace else { continue }
            // Held first and asked again then, so that the one that is killed is the one that has answered.
            guard let process = ForeignProcess(pid: pid), isOurs(pid, namespace), !process.hasEnded else { continue }
            processes.append(process)
        }
        return processes
    }

    private func wasStartedByUs(_ pid: pid_t) -> Bool {
        let argument = NetworkServer.configurationArgument(configuration)
        return ProcessFacts(pid: pid).arguments?.contains(argument) == true
    }

    private func isOurs(_ pid: pid_t, _ namespace: ProcessFacts.Namespace) -> Bool {
        ProcessFacts(pid: pid).namespace == namespace && wasStartedByUs(pid)
    }
}
