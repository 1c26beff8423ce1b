import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterStore
import Glibc

/// The news of a running server: what it has logged of its clients, and their leases.
extension NetworkServer {
    /// The most lines that are read at once: more are a flood, of which most say the same.
    private static let mostLines = 2000

    /// The messages that a server has logged since they were last asked for.
    struct News: Sendable {
        /// The state that the server was last brought to.
        let wanted: ServerWanted
        /// The MAC that it is asked by.
        let probe: MACAddress
        let events: [DHCPEvent]
        /// The number of lines that were not read, at least.
        let unread: Int
    }

    /// Takes what is new; nil when nothing is.
    func news() -> News? {
        guard let running = current, running.lines.hasNews(running.child.standardErrorCount) else { return nil }
        let (lines, dropped) = current?.lines.next(in: running.child.standardError) ?? ([], 0)
        let known = Set(running.wanted.hosts.map(\.mac)).union([probe])
        let events = lines.suffix(Self.mostLines).compactMap { DHCPEvent(logLine: $0, isKnown: known.contains) }
        return News(
            wanted: running.wanted,
            probe: probe,
            events: events.filter { $0.mac != probe || $0.kind == .decline },
            unread: max(0, lines.count - Self.mostLines) + (dropped > 0 ? 1 : 0)
        )
    }

    /// The state that the running server was last brought to; nil when none runs.
    var lastWanted: ServerWanted? { current?.wanted }

    /// The leases that the running server has given.
    ///
    /// - Returns: Nil where none runs, or its lease file cannot be read now.
    func leases() async throws -> LeaseBook.Found? {
        guard let running = current, running.wanted.servesDHCP,
            let text = try await leases(of: running.child, try disk()), current?.child === running.child,
            let file = try? LeaseFile(text)
        else { return nil }
        return LeaseBook.Found(network: running.wanted.id, pid: running.child.pid, ends: file.ends)
    }
}
