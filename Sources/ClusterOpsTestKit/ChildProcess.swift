import Foundation
import Synchronization

/// A program that a test runs and observes line by line.
///
/// It exists because Foundation's `Process` now and then does not notice that its child has ended (one run in four of
/// eight children at once, on two cores: the child stayed a zombie), and because its pipes leak into children that
/// other tests start at the same moment, so that their ends are never seen. Whoever forgets a child kills it.
public final class ChildProcess: Sendable {
    /// The end of a child.
    public enum Ending: Sendable, Hashable {
        /// By itself, with this code.
        case exited(Int32)
        /// By this signal.
        case killed(Int32)
    }

    /// The error when a child does not start.
    public struct StartFailure: Error, CustomStringConvertible {
        /// The program and what the system said.
        public let description: String
    }

    /// The process id, which is the child's for as long as it has not ended.
    public let processIdentifier: pid_t

    private let input: Mutex<Descriptor?>
    private let outputLines: AsyncStream<String>
    private let errorLines: AsyncStream<String>
    private let life: Life

    /// Starts a program with default signals; its stdin is a pipe that stays open.
    ///
    /// - Parameters:
    ///   - path: the program.
    ///   - arguments: what follows its name.
    /// - Throws: `StartFailure`.
    public init(_ path: String, _ arguments: [String] = []) throws {
        let (input, output, error) = (try PrivatePipe(), try PrivatePipe(), try PrivatePipe())
        processIdentifier = try Self.spawn(
            path,
            arguments,
            [input.reader.number, output.writer.number, error.writer.number]
        )
        life = Life(processIdentifier)
        self.input = Mutex(input.writer)
        outputLines = output.reader.lines()
        errorLines = error.reader.lines()
        life.watch()
    }

    deinit {
        life.send(SIGKILL)
    }

    /// The next line of stdout; nil at its end, and when the test's time is over.
    public func nextOutputLine() async -> String? {
        for await line in outputLines { return line }
        return nil
    }

    /// The next line of stderr; nil at its end, and when the test's time is over.
    public func nextErrorLine() async -> String? {
        for await line in errorLines { return line }
        return nil
    }

    /// Ends the child's stdin.
    public func closeInput() {
        input.withLock { $0 = nil }
    }

    /// Sends a signal, unless the child has ended.
    public func send(_ signal: Int32) {
        life.send(signal)
    }

    /// Waits until the child has ended; called once.
    ///
    /// - Returns: How it ended; nil when the test's time is over.
    public func ending() async -> Ending? {
        for await ending in life.endings.stream { return ending }
        return nil
    }

    private static func spawn(_ path: String, _ arguments: [String], _ standard: [Int32]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in standard.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }

        // The threads of Swift's pool block nearly all signals, and a child inherits that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, path, &actions, &attributes, &words, environ)
        guard code == 0 else { throw StartFailure(description: "\(path): \(String(cString: strerror(code)))") }
        return process
    }
}

/// The time from the start of a child to its end, after which its id may belong to another.
private final class Life: Sendable {
    let endings = AsyncStream<ChildProcess.Ending>.makeStream()
    private let process: pid_t
    private let hasEnded = Mutex(false)

    init(_ process: pid_t) {
        self.process = process
    }

    func send(_ signal: Int32) {
        hasEnded.withLock { hasEnded in
            if !hasEnded { kill(process, signal) }
        }
    }

    /// Waits for the end on a thread of its own.
    func watch() {
        Thread.detachNewThread { [self] in
            var information = siginfo_t()
            // Leaves the zombie, so that nobody else gets the id before the lock is held.
            while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
            var status: Int32 = 0
            hasEnded.withLock { hasEnded in
                waitpid(process, &status, 0)
                hasEnded = true
            }
            let signal = status & 0x7f
            endings.continuation.yield(signal == 0 ? .exited(status >> 8 & 0xff) : .killed(signal))
            endings.continuation.finish()
        }
    }
}

/// A pipe of which no child keeps an end open but the one that is given it.
///
/// It is a pair of sockets, because those can be marked when they are made, and Swift does not see pipe2(2).
private struct PrivatePipe {
    let reader: Descriptor
    let writer: Descriptor

    init() throws {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ChildProcess.StartFailure(description: "a pipe: \(String(cString: strerror(errno)))")
        }
        reader = Descriptor(number: ends[0])
        writer = Descriptor(number: ends[1])
    }
}

/// Closes when nobody has it any more.
private final class Descriptor: Sendable {
    let number: Int32

    init(number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }

    /// Returns the lines that come, read by a thread of its own up to the end.
    func lines() -> AsyncStream<String> {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        Thread.detachNewThread { [self] in
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(number, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return continuation.finish() }
                rest += buffer.prefix(count)
                let pieces = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                for line in pieces.dropLast() { continuation.yield(String(decoding: line, as: UTF8.self)) }
                rest = Array(pieces[pieces.count - 1])
            }
        }
        return lines
    }
}
