import Foundation

/// A process that is started and waited for by the thread that asks, with nothing in between.
///
/// Foundation's `Process` learns of an end through a descriptor that children started at the same moment may inherit:
/// in some of the runs with eight at once it waited for ever.
public struct SpawnedProcess: Sendable {
    /// The error when a process does not start.
    public struct Failure: Error, CustomStringConvertible {
        /// The program and the reason.
        public let description: String
    }

    /// The process id.
    public let pid: Int32

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: The program.
    ///   - arguments: Its arguments.
    ///   - output: The file that its stdout and stderr are appended to.
    ///   - environment: What is added to the environment of this process.
    /// - Throws: `Failure`.
    public init(_ path: String, _ arguments: [String], output: String, environment: [String: String] = [:]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let own = ProcessInfo.processInfo.environment
        pid = try Self.spawn(path, arguments, &actions, environment: own.merging(environment) { _, added in added })
    }

    /// Starts a program in a session of its own, whose terminal it has for stdin, stdout and stderr.
    ///
    /// - Parameters:
    ///   - path: The program.
    ///   - arguments: Its arguments.
    ///   - environment: All of its environment.
    ///   - terminal: The device.
    /// - Throws: `Failure`.
    package init(_ path: String, _ arguments: [String], environment: [String: String], terminal: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens is its own.
        for number: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, number, terminal, O_RDWR, 0) }
        pid = try Self.spawn(path, arguments, &actions, environment: environment, flags: Self.sessionOfItsOwn)
    }

    /// POSIX_SPAWN_SETSID, which glibc shows to GNU programs only.
    private static let sessionOfItsOwn: Int16 = 0x80

    private static func spawn(
        _ path: String,
        _ arguments: [String],
        _ actions: inout posix_spawn_file_actions_t,
        environment: [String: String],
        flags: Int16 = 0
    ) throws -> pid_t {
        // The test process ignores SIGPIPE and its threads block signals; the program starts with the defaults.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | flags)

        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, path, &actions, &attributes, words, variables)
        guard error == 0 else { throw Failure(description: "\(path): \(String(cString: strerror(error)))") }
        return pid
    }

    /// Waits for its end, once.
    ///
    /// - Returns: The exit code, or the negative number of the signal that ended it.
    @discardableResult
    public func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : -signal
    }

    /// A Boolean value that indicates whether it still runs; one that has ended waits for `wait()`.
    public var isRunning: Bool {
        var information = siginfo_t()
        let found = waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT)
        return found == 0 && information.si_signo == 0
    }
}
