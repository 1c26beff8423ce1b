import ChildProcess
import ClusterEngine
import ClusterModel
import Logging
import Synchronization

/// The gate of a node: closed unless it was opened for a time, which the kernel measures.
///
/// With it, made and repaired together, stand the rules that keep guests out of the node's own stack.
package final class Gate: Sendable {
    private struct State {
        /// A Boolean value that indicates whether it may be opened: between the beginning of a tenure and the moment in
        /// which it falls silent.
        var mayOpen = false
        /// The kernel's own words for the tables as we made them, to find out what others did to them.
        var listing: [String]?
    }

    /// The time after the decision within which `nft` may still be started; with its own time below it stays within
    /// what the configuration keeps between fence and lease.
    private static let startWithin: Duration = .milliseconds(200)
    /// An element that lasts for less is not worth a process.
    private static let shortest: Duration = .milliseconds(20)
    /// The longest time that `nft` may run; it takes 10 to 15 ms.
    private static let timeout: Duration = .milliseconds(700)

    private let namespace: String?
    private let runner: HostCommandRunner
    private let logger: Logger
    private let turns = OneAtATime()
    private let state = Mutex(State())

    /// Creates the gate's keeper; nothing is in the kernel before ``close()``.
    package init(namespace: String? = nil, runner: HostCommandRunner = .processes, logger: Logger) {
        self.namespace = namespace
        self.runner = runner
        self.logger = logger.component("gate")
    }

    /// Closes it, and makes it when it is not there.
    ///
    /// An `open` that waits behind this one does nothing.
    package func close() async throws {
        state.withLock { $0.mayOpen = false }
        try await turns.run { try await makeClosed() }
    }

    /// Opens it under a tenure, until the tenure's deadline; ``extend(_:)`` moves that.
    ///
    /// The tenure is asked in the moment in which it is opened: one that ended meanwhile opens nothing.
    ///
    /// - Returns: Whether it was opened.
    package func open(under tenure: Tenure) async throws -> Bool {
        try await turns.run {
            guard !tenure.isOver else { return false }
            state.withLock { $0.mayOpen = true }
            try await replace { tenure.deadline }
            return true
        }
    }

    /// Moves the moment at which it closes by itself to the tenure's deadline; does nothing when it is not open.
    package func extend(_ tenure: Tenure) async throws {
        try await turns.run {
            guard state.withLock({ $0.mayOpen }) else { return }
            try await replace { tenure.deadline }
        }
    }

    /// Repairs what others did to it while it was closed; while it is open, every extension does.
    ///
    /// - Returns: Whether there was something to repair.
    @discardableResult
    package func repair() async throws -> Bool {
        try await turns.run {
            guard !state.withLock({ $0.mayOpen }) else { return false }
            let expected = state.withLock { $0.listing }
            if let expected, try await listing() == expected { return false }
            logger.warning("the gate was not as it was made, and is made anew")
            try await makeClosed()
            return true
        }
    }

    private func makeClosed() async throws {
        // A tenure's beginning that waited behind a closing stays closed, and the other way round.
        state.withLock { $0.mayOpen = false }
        try await load(GateTable.script(openFor: nil), notAfter: nil)
        if let listing = try await listing() { state.withLock { $0.listing = listing } }
    }

    private func replace(openUntil deadline: () -> ContinuousClock.Instant?) async throws {
        // What is left may not be worth a process: the kernel closes it by itself.
        while let deadline = deadline(), case let now = ContinuousClock.now, deadline - now >= Self.shortest {
            do {
                // An element's time begins when the kernel gets it: a decision that is old by then would last too long.
                return try await load(GateTable.script(openFor: deadline - now), notAfter: now + Self.startWithin)
            } catch let error as HostCommandError {
                // On a machine that is too busy, or was stopped, it is decided anew.
                guard error.reason == .tooLate else { throw error }
            }
        }
    }

    private func load(_ script: String, notAfter: ContinuousClock.Instant?) async throws {
        // As an argument, not as its input: that is fed by this process, and a process that was stopped in between would
        // feed it after it goes on, when the time that the script gives may be another's. Seen on a busy machine.
        let command = HostCommand(
            .nft,
            [script],
            timeout: Self.timeout,
            namespace: namespace,
            notAfter: notAfter
        )
        let output = try await runner.output(command)
        guard output.exit.isSuccess else {
            throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
        }
    }

    /// The tables without their counters, elements and all; nil when one is not there.
    private func listing() async throws -> [String]? {
        var tables: [String] = []
        // One by one: of several lists in one command nft 1.0.6 finds only the last table.
        for family in GateTable.families {
            let arguments = ["--stateless", "list", "table", family.rawValue, GateTable.name]
            let output = try await runner.output(HostCommand(.nft, arguments, namespace: namespace))
            guard output.exit.isSuccess else { return nil }
            tables.append(output.text)
        }
        return tables
    }
}
