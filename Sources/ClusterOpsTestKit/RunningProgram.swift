import ClusterOps
import Foundation

/// One of our programs, really running, with its log in a file.
public final class RunningProgram: Sendable {
    /// The process id.
    public let pid: Int32
    private let exit = Locked<Int32?>(nil)
    private let ended = AsyncStream<Void>.makeStream()
    private let logPath: String

    /// Starts a product of this package.
    ///
    /// - Parameters:
    ///   - name: The product.
    ///   - arguments: Its arguments.
    ///   - environment: All of its environment, but for PATH.
    /// - Throws: When it cannot be started.
    public init(_ name: String, _ arguments: [String], environment: [String: String]) throws {
        logPath = "\(try PrivateServer.shared.directory.scratch())/\(name).log"
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuiltProduct.path(name))
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { own, _ in own }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: logPath)
        let (exit, ended) = (exit, ended.continuation)
        process.terminationHandler = { process in
            exit.update {
                $0 = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
            }
            ended.finish()
        }
        try process.run()
        pid = process.processIdentifier
    }

    deinit {
        if exit.value == nil { kill(pid, SIGKILL) }
        try? FileManager.default.removeItem(atPath: logPath)
    }

    /// What it has logged so far.
    public var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// Sends a signal.
    public func signal(_ number: Int32) {
        kill(pid, number)
    }

    /// Waits for its end.
    ///
    /// - Returns: The exit code, or the negative number of the signal that ended it.
    public func end() async -> Int32? {
        for await _ in ended.stream {}
        return exit.value
    }

    /// Whether it still runs.
    public var isRunning: Bool { exit.value == nil }
}

/// Observes something outside of this process until it is so.
///
/// - Parameters:
///   - what: Named in the failure.
///   - limit: How long it may take; generous, because it only matters when something is wrong.
///   - condition: Looked at every few milliseconds.
/// - Throws: `TookTooLong`, or what `condition` throws.
public func eventually(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TookTooLong(what: what, limit: limit) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Something that should have happened did not.
public struct TookTooLong: Error, CustomStringConvertible {
    let what: String
    let limit: Duration

    /// What did not happen, and how long it was waited for.
    public var description: String { "not within \(limit): \(what)" }
}
