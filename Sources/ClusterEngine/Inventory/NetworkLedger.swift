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

        func isNews(_ change: Change) -> Bool {
            guard let now = change.reached else { return problems[change.entry] != change.problem }
            return reached[change.entry] != now || problems[change.entry] != nil
        }

        mutating func note(_ change: Change) {
            if let now = change.reached { reached[change.entry] = now }
            problems[change.entry] = change.problem
        }
    }

    /// The change that a finding makes to what is written down: a part that has reached something has no problem any
    /// more.
    private struct Change: Sendable {
        let entry: Entry
        let part: AppliedPart?
        let reached: Reached?
        let problem: String?

        init(_ entry: Entry, _ part: AppliedPart, _ reached: Reached) {
            (self.entry, self.part, self.reached, problem) = (entry, part, reached, nil)
        }

        init(_ entry: Entry, problem: String?) {
            (self.entry, part, reached, self.problem) = (entry, nil, nil, problem)
        }

        func write(over hasProblem: Bool, on node: NodeName, in transaction: borrowing Transaction) throws {
            if let part, let reached {
                try AppliedStatements.record(
                    part,
                    of: entry.network,
                    on: node,
                    generation: reached.generation,
                    term: reached.term,
                    in: transaction
                )
            }
            guard let problem else {
                guard hasProblem else { return }
                return try AppliedStatements.deleteProblem(entry.what, of: entry.network, on: node, in: transaction)
            }
            try AppliedStatements.recordProblem(
                entry.what,
                of: entry.network,
                on: node,
                message: problem,
                in: transaction
            )
        }
    }

    /// The column's width, in code points; the end of a message tells the least.
    private static let longestMessage = 1000

    private let node: NodeName
    private let database: Database
    private let state = Mutex(State())

    /// Creates a ledger that believes that nothing is written down; ``refresh(over:)`` finds out.
    package init(node: NodeName, database: Database) {
        self.node = node
        self.database = database
    }

    /// Reads what is written down of this node, also by its earlier processes.
    ///
    /// - Parameter reads: A pool for reads; the ledger's own is for what it writes.
    /// - Throws: `DatabaseError`; what was known before stays known.
    package func refresh(over reads: Database) async throws {
        let node = node
        let rows = try await reads.withSession { try AppliedStatements.written(of: node, on: $0) }
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

    /// Something that was found out about a network.
    package enum Finding: Sendable, Hashable {
        /// A part has reached a generation, and nothing keeps it from it any more: it was brought about, and read back.
        case reached(AppliedPart, of: NetworkID, generation: UInt64)
        /// The same of a part that only the elected node brings about: it counts under the term that is given with it.
        case reachedUnderTerm(AppliedPart, of: NetworkID, generation: UInt64)
        /// A problem that keeps this node from applying something; nil means that there is none.
        case problem(String, of: NetworkID, String?)
    }

    /// Writes down what was found out and is news, in one transaction; without news there is none.
    ///
    /// - Parameters:
    ///   - findings: at most one of each part.
    ///   - tenure: the term under which it was found out, which has to stand if something counts under it.
    /// - Returns: Those that were news.
    /// - Throws: ``TenureOver``, then nothing is written; `DatabaseError`.
    @discardableResult
    package func record(_ findings: [Finding], under tenure: Tenure? = nil) async throws -> [Finding] {
        let news = state.withLock { state in
            findings.map { (finding: $0, change: change($0, tenure)) }.filter { state.isNews($0.change) }
                .map { (finding: $0.finding, change: $0.change, hasProblem: state.problems[$0.change.entry] != nil) }
        }
        guard !news.isEmpty else { return [] }
        let (node, changes) = (node, news.map { ($0.change, $0.hasProblem) })
        try await database.withTransaction { transaction in
            for (change, hasProblem) in changes { try change.write(over: hasProblem, on: node, in: transaction) }
            // Last: it keeps renewals waiting as long as the transaction waits for anything else.
            if changes.contains(where: { $0.0.reached?.term ?? 0 > 0 }) { try tenure?.confirm(in: transaction) }
        }
        state.withLock { state in
            for (change, _) in changes { state.note(change) }
        }
        return news.map(\.finding)
    }

    private func change(_ finding: Finding, _ tenure: Tenure?) -> Change {
        switch finding {
        case .reached(let part, let network, let generation):
            Change(Entry(network: network, what: part.rawValue), part, Reached(generation: generation, term: 0))
        case .reachedUnderTerm(let part, let network, let generation):
            Change(
                Entry(network: network, what: part.rawValue),
                part,
                Reached(generation: generation, term: Self.term(of: tenure))
            )
        case .problem(let what, let network, let message):
            Change(
                Entry(network: network, what: what),
                problem: message.map {
                    String(String.UnicodeScalarView($0.unicodeScalars.prefix(Self.longestMessage)))
                }
            )
        }
    }

    private static func term(of tenure: Tenure?) -> UInt64 {
        guard let tenure else { preconditionFailure("what counts under a term is found out under one") }
        return tenure.term
    }

    /// Writes down what keeps this node from bringing something about, or, with nil, that nothing does.
    ///
    /// - Returns: Whether that is news.
    @discardableResult
    package func problem(_ what: String, of network: NetworkID, _ message: String?) async throws -> Bool {
        try await !record([.problem(what, of: network, message)]).isEmpty
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
