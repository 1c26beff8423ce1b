import ChildProcess
import Foundation

/// One of our programs, really running; it dies with the test process, however that ends.
public final class RunningProgram: Sendable {
    private let child: SupervisedChild

    /// The process id.
    public var pid: Int32 { child.pid }

    /// Starts a product of this package.
    ///
    /// - Parameters:
    ///   - name: The product.
    ///   - arguments: Its arguments.
    ///   - environment: All of its environment, but for PATH.
    ///   - namespace: The file of the network namespace that it runs in; nil is the test's own.
    ///   - wrapper: A program with its arguments that becomes this one by exec; empty is none.
    /// - Throws: When it cannot be started.
    public init(
        _ name: String,
        _ arguments: [String],
        environment: [String: String],
        namespace: String? = nil,
        through wrapper: [String] = []
    ) async throws {
        let line = wrapper + [try BuiltProduct.path(name)] + arguments
        child = try await SupervisedChild.start(
            ChildSpecification(
                executable: line[0],
                arguments: Array(line.dropFirst()),
                environment: environment.merging(["PATH": ChildSpecification.standardPath]) { own, _ in own },
                networkNamespace: namespace,
                standardError: .collect(limit: Self.longestLog, keeping: .head)
            )
        )
    }

    /// The most that is kept of a program's log, in bytes; a test reads a few lines of it.
    private static let longestLog = 1 << 20

    deinit {
        _ = child.signal(SIGKILL)
    }

    /// The text that it has logged so far.
    public var log: String { child.standardError.text }

    /// Sends a signal.
    public func signal(_ number: Int32) {
        _ = child.signal(number)
    }

    /// Waits for its end.
    ///
    /// - Returns: The exit code, or the negative number of the signal that ended it.
    /// - Throws: When the wait itself fails or is cancelled.
    public func end() async throws -> Int32 {
        switch try await child.exit {
        case .code(let code): code
        case .signal(let number): -number
        }
    }

    /// A Boolean value that indicates whether it still runs.
    public var isRunning: Bool { child.exitIfEnded == nil }
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
    within limit: Duration = .seconds(120),
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

    /// The condition that did not come true, and the time for which it was waited for.
    public var description: String { "not within \(limit): \(what)" }
}
