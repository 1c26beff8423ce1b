import ClusterModel
import ClusterStore
import MariaDB
import Synchronization

/// Writes down what this node has brought about of the networks, and what keeps it from it.
///
/// It remembers what it has written, so that a node on which nothing changes writes nothing.
package final class NetworkLedger: Sendable {
    fileprivate struct Entry: Hashable {
        let network: NetworkID
        let what: String
    }

    /// The problems that were written down at one moment.
    package struct KnownProblems: Sendable {
        fileprivate let entries: [Entry]
    }

    private struct Reached: Hashable {
        let generation: UInt64
        let term: UInt64
    }

    private struct State {
        var reached: [Entry: Reached] = [:]
        var problems: [Entry: String] = [:]
    }

    /// The column's width, in code points; the end of a message tells the least.
    private static let longestMessage = 1000

    private let node: NodeName
    private let database: Database
    private let state = Mutex(State())

    /// Creates a ledger that believes that nothing is written down; `refresh()` finds out.
    package init(node: NodeName, database: Database) {
        self.node = node
        self.database = database
    }

    /// Reads what is written down of this node, also by its earlier processes.
    package func refresh() async throws {
        let node = node
        let rows = try await database.withSession { try AppliedStatements.written(of: node, on: $0) }
        var read = State()
        for row in rows {
            let entry = Entry(network: row.network, what: row.what)
            if let generation = row.generation {
                read.reached[entry] = Reached(generation: generation, term: row.term)
            } else {
                read.problems[entry] = row.message
            }
        }
        state.withLock { [read] in $0 = read }
    }

    /// Writes down that a part of a network has reached a generation, and that nothing keeps it from it any more.
    ///
    /// - Parameters:
    ///   - part: what was brought about, and read back.
    ///   - network: of which network.
    ///   - generation: of the wanted state that was brought about.
    ///   - tenure: the term under which it was done, which has to stand; nil for what any node does.
    /// - Throws: ``TenureOver``, then nothing is written; `DatabaseError`.
    package func reached(
        _ part: AppliedPart,
        of network: NetworkID,
        generation: UInt64,
        under tenure: Tenure? = nil
    ) async throws {
        let entry = Entry(network: network, what: part.rawValue)
        let now = Reached(generation: generation, term: tenure?.term ?? 0)
        let (isWritten, hasProblem) = state.withLock { ($0.reached[entry] == now, $0.problems[entry] != nil) }
        guard !isWritten || hasProblem else { return }
        let node = node
        try await database.withTransaction { transaction in
            try AppliedStatements.record(
                part,
                of: network,
                on: node,
                generation: now.generation,
                term: now.term,
                in: transaction
            )
            if hasProblem { try AppliedStatements.deleteProblem(entry.what, of: network, on: node, in: transaction) }
            try tenure?.confirm(in: transaction)
        }
        state.withLock { state in
            state.reached[entry] = now
            state.problems[entry] = nil
        }
    }

    /// Writes down what keeps this node from bringing something about, or, with nil, that nothing does.
    ///
    /// - Returns: Whether that is news.
    @discardableResult
    package func problem(_ what: String, of network: NetworkID, _ message: String?) async throws -> Bool {
        let entry = Entry(network: network, what: what)
        let message = message.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(Self.longestMessage))) }
        guard state.withLock({ $0.problems[entry] != message }) else { return false }
        let node = node
        try await database.withTransaction { transaction in
            guard let message else {
                return try AppliedStatements.deleteProblem(what, of: network, on: node, in: transaction)
            }
            try AppliedStatements.recordProblem(what, of: network, on: node, message: message, in: transaction)
        }
        state.withLock { $0.problems[entry] = message }
        return true
    }

    /// The problems that are written down now.
    package var knownProblems: KnownProblems {
        KnownProblems(entries: state.withLock { Array($0.problems.keys) })
    }

    /// Forgets the problems that are about nothing any more, such as those of a server that is another node's by now.
    ///
    /// - Parameters:
    ///   - known: among which; what was found out since then is for the next time.
    ///   - isOpen: whether a problem, by what and network, is still about something.
    /// - Throws: `DatabaseError`; the rest stays for the next time.
    package func closeProblems(
        among known: KnownProblems,
        unless isOpen: (String, NetworkID) -> Bool
    ) async throws {
        for entry in known.entries where !isOpen(entry.what, entry.network) {
            try await problem(entry.what, of: entry.network, nil)
        }
    }
}
