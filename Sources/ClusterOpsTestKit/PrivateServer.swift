import ClusterEngine
import Foundation
import MariaDB
import Synchronization

/// A mariadbd of the test run's own, in a temporary directory, reached by a unix socket.
///
/// `shared` serves all suites of the process; a test that kills, stops or configures a server starts its own. What a
/// killed run leaves behind is swept by the next: each directory holds a lock file that its owner keeps locked.
///
/// The programs are this machine's, or those in the directory that `CLUSTEROPS_TEST_MARIADB` names:
/// `deploy/fetch-mariadb` prints one with another release's.
public final class PrivateServer: Sendable {
    /// The error when no server runs.
    public struct StartFailure: Error, CustomStringConvertible {
        /// The step that failed, with the end of the server's log.
        public let description: String
    }

    /// The server that all suites share; started at the first use.
    public static var shared: PrivateServer {
        get throws { try sharedResult.get() }
    }

    private static let sharedResult = Result { try PrivateServer(buffers: roomyBuffers) }

    /// MiB for a server that has load, or that many tests share.
    public static let roomyBuffers = 256
    /// MiB for any other: many tests have a server of their own at once, and their data is in memory as a rule.
    public static let ordinaryBuffers = 48

    /// A database as it is installed, of which each server gets a copy: to install it takes 0.4 s of a processor, and a
    /// run starts forty servers.
    private static let installed = Result {
        let directory = try ServerDirectory()
        RunningServers.add(directory)
        // With the redo log that most servers have; one of another size is made anew at the start.
        try install(in: directory, user: "root", ["--innodb-log-file-size=\(ordinaryBuffers)M"])
        return directory
    }

    /// The directory with the server's data, socket and log.
    public let directory: ServerDirectory
    /// The TCP port on 127.0.0.1, or nil when the server listens on its socket only.
    public let port: UInt16?
    private let arguments: [String]
    private let clock: SteppedClock?
    private let process = Mutex<SpawnedProcess?>(nil)

    /// Installs an empty database and starts the server on it.
    ///
    /// - Parameters:
    ///   - port: Also listen on this port of 127.0.0.1.
    ///   - options: Further arguments of mariadbd.
    ///   - onDisk: Keep the data where a COMMIT costs what it costs in production, and not in memory.
    ///   - buffers: MiB of the buffer pool and of the redo log.
    ///   - isClockStepped: Give the server a clock of its own, which `stepClock(by:)` sets.
    /// - Throws: `StartFailure` with the end of the server's log.
    public init(
        port: UInt16? = nil,
        options: [String] = [],
        onDisk: Bool = false,
        buffers: Int = ordinaryBuffers,
        isClockStepped: Bool = false
    ) throws {
        directory = try ServerDirectory(onDisk: onDisk)
        self.port = port
        clock = isClockStepped ? try SteppedClock(file: "\(directory.path)/clock") : nil
        arguments =
            Self.arguments(directory, user: "root", buffers: buffers)
            + (port.map { ["--bind-address=127.0.0.1", "--port=\($0)"] } ?? ["--skip-networking"]) + options
        try FileManager.default.copyItem(atPath: Self.installed.get().data, toPath: directory.data)
        try start()
    }

    /// Takes a directory with a database in it; nothing runs before `start()`.
    init(in directory: ServerDirectory, port: UInt16, arguments: [String], isClockStepped: Bool) throws {
        (self.directory, self.port, self.arguments) = (directory, port, arguments)
        clock = isClockStepped ? try SteppedClock(file: "\(directory.path)/clock") : nil
    }

    /// Returns the arguments of every server of tests.
    static func arguments(_ directory: ServerDirectory, user: String, buffers: Int) -> [String] {
        [
            "--no-defaults", "--user=\(user)", "--datadir=\(directory.data)", "--socket=\(directory.socket)",
            // A server that starts removes all temporary tables it finds in its tmpdir, also another server's.
            "--tmpdir=\(directory.path)",
            "--pid-file=\(directory.pidFile)", "--log-error=\(directory.errorLog)", "--max-connections=500",
            // Tests ask for correctness under load, not for survival of a power cut.
            "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin", "--innodb-buffer-pool-size=\(buffers)M",
            "--innodb-log-file-size=\(buffers)M", "--skip-name-resolve",
        ]
    }

    /// Installs an empty database, in which root has no password.
    static func install(in directory: ServerDirectory, user: String, _ options: [String] = []) throws {
        try run(
            "mariadb-install-db",
            [
                "--no-defaults", "--user=\(user)", "--datadir=\(directory.data)",
                "--tmpdir=\(directory.path)", "--auth-root-authentication-method=normal", "--skip-test-db",
            ] + options,
            log: directory.log
        )
    }

    /// Returns the configuration of a connection as root.
    public func configuration(schema: String? = nil) -> ConnectionConfiguration {
        ConnectionConfiguration(endpoint: .socket(directory.socket), user: "root", schema: schema)
    }

    /// The process id of mariadbd, or nil while it does not run.
    public var processIdentifier: Int32? {
        process.withLock { $0?.pid }
    }

    /// Starts the server again after `kill()`; returns when it accepts connections.
    public func start() throws {
        try start([])
    }

    /// Starts the server with further arguments for this time.
    func start(_ more: [String]) throws {
        let server = try SpawnedProcess(
            Self.find("mariadbd"),
            arguments + more,
            output: directory.log,
            environment: clock?.environment ?? [:]
        )
        process.withLock { $0 = server }
        RunningServers.add(server.pid, directory: directory.path)
        try awaitSocket(of: server)
    }

    /// Kills the server with SIGKILL and waits until it is gone.
    public func kill() {
        guard let server = process.withLock({ $0.take() }) else { return }
        Foundation.kill(server.pid, SIGKILL)
        server.wait()
        RunningServers.remove(server.pid)
    }

    /// Runs statements by the server's own client, which asks for nothing else; as root.
    ///
    /// - Returns: One line a row, with a tab between the values.
    package func client(_ statements: String) throws -> String {
        let scratch = try directory.scratch()
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let output = "\(scratch)/output"
        try Self.run(
            "mariadb",
            ["--no-defaults", "--user=root", "--socket=\(directory.socket)", "-BNe", statements],
            log: output
        )
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    /// Lets the server hang: it accepts connections and answers nothing, until `resume()`.
    public func suspend() {
        if let processIdentifier { Foundation.kill(processIdentifier, SIGSTOP) }
    }

    /// Lets the server go on.
    public func resume() {
        if let processIdentifier { Foundation.kill(processIdentifier, SIGCONT) }
    }

    /// Sets the server's clock that much ahead of this machine's, or behind it; its monotonic clock goes on as it was.
    ///
    /// - Precondition: It was made with `isClockStepped`.
    public func stepClock(by difference: Duration) throws {
        guard let clock else { preconditionFailure("the server has this machine's clock") }
        try clock.step(by: difference)
    }

    /// Kills the server and removes its directory.
    public func destroy() {
        kill()
        directory.remove()
    }

    private func awaitSocket(of server: SpawnedProcess) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline, server.isRunning {
            if UnixSocket.accepts(directory.socket) { return }
            usleep(5_000)
        }
        throw StartFailure(description: "mariadbd does not answer; its log ends:\n\(directory.endOfLog)")
    }

    private static func run(_ program: String, _ arguments: [String], log: String) throws {
        guard try SpawnedProcess(find(program), arguments, output: log).wait() == 0 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw StartFailure(description: "\(program) failed:\n\(text.suffix(2000))")
        }
    }

    private static func find(_ program: String) throws -> String {
        let wanted = ProcessInfo.processInfo.environment["CLUSTEROPS_TEST_MARIADB"]
        for directory in wanted.map({ [$0] }) ?? ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin"] {
            let path = "\(directory)/\(program)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw StartFailure(
            description: wanted.map { "\(program) is not in \($0), which CLUSTEROPS_TEST_MARIADB names" }
                ?? "\(program) is not installed: run deploy/install-dependencies"
        )
    }
}

/// The servers to be ended, and the directories to be removed, when the test process exits by itself.
private enum RunningServers {
    private struct Left {
        var servers: [Int32: String] = [:]
        var directories: [ServerDirectory] = []
    }

    private static let left: Mutex<Left> = {
        atexit {
            let left = RunningServers.left.withLock { $0 }
            for (process, directory) in left.servers {
                kill(process, SIGKILL)
                try? FileManager.default.removeItem(atPath: directory)
            }
            for directory in left.directories { directory.remove() }
        }
        return Mutex(Left())
    }()

    static func add(_ process: Int32, directory: String) {
        left.withLock { $0.servers[process] = directory }
    }

    /// Takes a directory that no server runs in.
    static func add(_ directory: ServerDirectory) {
        left.withLock { $0.directories.append(directory) }
    }

    static func remove(_ process: Int32) {
        left.withLock { $0.servers[process] = nil }
    }
}

private enum UnixSocket {
    /// Returns whether something accepts connections at the path.
    static func accepts(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        precondition(path.utf8.count < capacity, "the socket's path is too long")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
