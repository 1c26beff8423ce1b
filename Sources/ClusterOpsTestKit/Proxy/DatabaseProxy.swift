import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import ClusterStore
import Foundation
import MariaDB
import Synchronization

/// A TCP proxy on 127.0.0.1 in front of a private server, which breaks connections where a test wants it.
///
/// It understands as much of the protocol as it takes to find a statement, a COMMIT above all: what a client knows of
/// a transaction that it was about to commit is what the tests with this proxy are about. Plain threads, two system
/// calls a packet: a proxy on the event loops of the code under test would share its troubles.
package final class DatabaseProxy: Sendable {
    /// The error when there is no proxy.
    package struct Failure: Error, CustomStringConvertible {
        /// The error that the system gave.
        package let description: String
    }

    /// The speed at which traffic flows.
    package enum Pace: Sendable, Hashable {
        /// As it comes.
        case normal
        /// Each packet waits, in milliseconds.
        case delayed(milliseconds: UInt32)
        /// Few bytes at a time, a millisecond apart.
        case trickling(bytes: Int)
    }

    /// The counts of what the proxy has done.
    package struct Counts: Sendable, Hashable {
        /// Connections passed on.
        package var connections = 0
        /// Connections refused, because the client is isolated.
        package var refused = 0
        /// Connections broken by `dropAll` and `isolate`.
        package var dropped = 0
        /// Statements that the server has not seen.
        package var cutBefore = 0
        /// Statements that the server carried out and nobody answered.
        package var cutAfter = 0
        /// Statements that the server carried out after their client had been cut off.
        package var landedLate = 0
        /// Statements that were to land and that the server refused, or was not there for.
        package var neverLanded = 0
        /// Statements that wait for `release`.
        package var held = 0
        /// Statements of which the client was told an error that no server has made.
        package var interrupted = 0

        /// Statements of which the client does not know whether they happened.
        package var unknown: Int { cutBefore + cutAfter + landedLate + neverLanded }

        mutating func note(_ landed: Bool, _ count: WritableKeyPath<Counts, Int>) {
            if landed { self[keyPath: count] += 1 } else { neverLanded += 1 }
        }

        /// Adds up.
        package static func + (left: Counts, right: Counts) -> Counts {
            var sum = left
            for path in [
                \Counts.connections, \.refused, \.dropped, \.cutBefore, \.cutAfter, \.landedLate, \.neverLanded, \.held,
                \.interrupted,
            ] { sum[keyPath: path] += right[keyPath: path] }
            return sum
        }
    }

    private struct State {
        var disturbances = Disturbances()
        var counts = Counts()
        var pace = Pace.normal
        var isIsolated = false
        var connections: [ObjectIdentifier: ProxiedConnection] = [:]
        var held: [DispatchSemaphore] = []
    }

    /// The delay of a late statement: longer than a client needs to open a new connection and to read.
    static let lateness: Duration = .milliseconds(300)
    /// The longest time for which a statement is held, in seconds; a test that forgets to release fails, and does not
    /// hang.
    private static let longestHold = 60.0

    /// The port on 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let socket: String
    private let state = Mutex(State())

    /// Listens, and passes on to a server's socket.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - namespace: The file of the network namespace in which it listens; nil is the test's own.
    /// - Throws: `Failure`, or what keeps it from entering the namespace.
    package init(to server: PrivateServer, in namespace: String? = nil) throws {
        socket = server.directory.socket
        (listener, port) =
            if let namespace {
                try WithinNamespace.run(namespace) { try ProxySockets.listen() }
            } else {
                try ProxySockets.listen()
            }
        Thread.detachNewThread { [self] in acceptAll() }
    }

    /// Returns the configuration of a connection through the proxy instead.
    package func configuration(_ direct: ConnectionConfiguration) -> ConnectionConfiguration {
        var configuration = direct
        configuration.endpoint = .hosts([ConnectionConfiguration.Host(name: "127.0.0.1", port: port)])
        return configuration
    }

    // MARK: Orders

    /// Disturbs the next statement of a kind, once.
    package func order(_ disturbance: Disturbance, at moment: Moment) {
        state.withLock { $0.disturbances.order(disturbance, at: moment) }
    }

    /// Disturbs COMMITs by chance from now on; with a chance of 0 none any more.
    package func disturbCommits(chance: Double, seed: UInt64) {
        state.withLock { $0.disturbances.disturbCommits(chance: chance, seed: seed) }
    }

    /// Lets the statements that are held land.
    package func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for semaphore in held { semaphore.signal() }
    }

    /// Breaks every connection now; new ones may be made.
    package func dropAll() {
        let connections = state.withLock { state in
            state.counts.dropped += state.connections.count
            return Array(state.connections.values)
        }
        for connection in connections { connection.drop() }
    }

    /// Breaks every connection now, and refuses new ones until `heal()`.
    package func isolate() {
        state.withLock { $0.isIsolated = true }
        dropAll()
    }

    /// Takes connections again, and disturbs them as before.
    package func endIsolation() {
        state.withLock { $0.isIsolated = false }
    }

    /// Takes connections again, at the normal pace, and disturbs nothing any more.
    package func heal() {
        state.withLock { state in
            state.isIsolated = false
            state.pace = .normal
            state.disturbances = Disturbances()
        }
    }

    /// Slows the traffic of all connections.
    package func slow(_ pace: Pace) {
        state.withLock { $0.pace = pace }
    }

    /// The counts so far.
    package var counts: Counts { state.withLock { $0.counts } }

    /// Ends the proxy with all its connections.
    package func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        release()
        dropAll()
    }

    // MARK: For connections

    var pace: Pace { state.withLock { $0.pace } }

    func disturbance(of event: ClientStream.Event) -> Disturbance? {
        state.withLock { $0.disturbances.disturbance(of: event) }
    }

    func count(_ change: (inout Counts) -> Void) {
        state.withLock { change(&$0.counts) }
    }

    /// Blocks the connection's thread until its statement is to land.
    func wait(asOrderedBy disturbance: Disturbance) {
        guard disturbance == .hold else {
            usleep(UInt32(Self.lateness / .microseconds(1)))
            return
        }
        let semaphore = DispatchSemaphore(value: 0)
        state.withLock { state in
            state.held.append(semaphore)
            state.counts.held += 1
        }
        _ = semaphore.wait(timeout: .now() + Self.longestHold)
        count { $0.held -= 1 }
    }

    private func acceptAll() {
        while let client = ProxySockets.accept(listener) {
            guard !state.withLock({ $0.isIsolated }), let server = ProxySockets.connect(socket) else {
                count { $0.refused += 1 }
                Foundation.close(client)
                continue
            }
            let connection = ProxiedConnection(self, client: client, server: server)
            let id = ObjectIdentifier(connection)
            state.withLock { state in
                state.connections[id] = connection
                state.counts.connections += 1
            }
            Thread.detachNewThread { [self] in
                connection.run()
                state.withLock { $0.connections[id] = nil }
            }
        }
        Foundation.close(listener)
    }
}
