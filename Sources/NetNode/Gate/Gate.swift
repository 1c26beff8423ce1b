import ChildProcess
import ClusterEngine
import ClusterModel
import Logging
import Synchronization

/// The gate of a node: closed unless it was opened for a time, which the kernel measures.
///
/// The rules that keep guests out of the node's own IP stack are made and repaired together with it.
package final class Gate: Sendable {
    private struct State {
        /// A Boolean value that indicates whether it may be opened: from the beginning of a tenure until it is closed.
        var mayOpen = false
        /// The kernel's listing of the tables as we made them, with which later ones are compared.
        var listing: [String]?
        /// The number of the last transaction on the node's rules before ``listing`` was read, or was found again.
        var generation: UInt32?
        /// The nodes whose VXLAN datagrams are taken.
        var access: UnderlayAccess
        /// Those that the kernel was told of; nil before.
        var loaded: UnderlayAccess?
        /// The tenure under which it was opened last.
        var tenure: Tenure?
    }

    /// The time after the decision within which `nft` may still be started; together with ``openingTimeout`` it is less
    /// than the configuration keeps between fence and lease.
    private static let startWithin: Duration = .milliseconds(200)
    /// An element that lasts for less is not worth a process.
    private static let shortest: Duration = .milliseconds(20)
    /// The longest time that `nft` may run to open the gate; it takes 10 to 15 ms.
    ///
    /// A gate that is closed late is still closed right: for that there is the time of any command, which a netnode
    /// needs that starts on a busy machine.
    private static let openingTimeout: Duration = .milliseconds(700)

    private let namespace: String?
    private let runner: HostCommandRunner
    private let logger: Logger
    private let turns = OneAtATime()
    private let state: Mutex<State>

    /// Creates a gate; nothing is in the kernel before ``close()``.
    ///
    /// - Parameters:
    ///   - namespace: the node's own network namespace; nil is the process's.
    ///   - access: the nodes whose VXLAN datagrams are taken until ``admit(_:at:)`` names others.
    ///   - runner: runs the programs.
    ///   - logger: the logger of repairs.
    package init(
        namespace: String? = nil,
        access: UnderlayAccess = UnderlayAccess(interface: nil),
        runner: HostCommandRunner = .processes,
        logger: Logger
    ) {
        state = Mutex(State(access: access))
        self.namespace = namespace
        self.runner = runner
        self.logger = logger.component("gate")
    }

    /// Closes the gate, and makes its tables if they are not there.
    ///
    /// An extension that waits behind this call does nothing.
    package func close() async throws {
        state.withLock { $0.mayOpen = false }
        try await turns.run { try await makeClosed() }
    }

    /// Opens the gate under a tenure, until the tenure's deadline; ``extend(_:)`` moves that.
    ///
    /// The tenure is checked at the last moment: one that has ended meanwhile opens nothing.
    ///
    /// - Returns: Whether it was opened.
    package func open(under tenure: Tenure) async throws -> Bool {
        try await turns.run {
            guard !tenure.isOver else { return false }
            state.withLock { ($0.mayOpen, $0.tenure) = (true, tenure) }
            try await replace { tenure.deadline }
            return true
        }
    }

    /// Moves the moment at which the gate closes by itself to the tenure's deadline; does nothing when it is not open.
    package func extend(_ tenure: Tenure) async throws {
        try await turns.run {
            guard state.withLock({ $0.mayOpen }) else { return }
            try await replace { tenure.deadline }
        }
    }

    /// Takes VXLAN datagrams of these nodes and of nobody else from now on, whether the gate is open or closed.
    ///
    /// - Throws: `HostCommandError` when the rules are not loaded; the next call that loads them takes the nodes along.
    package func admit(_ nodes: Set<IPv4Address>, at local: Set<IPv4Address>) async throws {
        try await turns.run {
            let (isLoaded, tenure) = state.withLock { state in
                (state.access.nodes, state.access.local) = (nodes, local)
                return (state.access == state.loaded, state.mayOpen ? state.tenure : nil)
            }
            guard !isLoaded else { return }
            if let tenure {
                try await replace { tenure.deadline }
            } else {
                try await makeClosed()
            }
        }
    }

    /// Repairs the tables of a closed gate; those of an open one are made anew by every extension.
    ///
    /// - Returns: Whether there was something to repair.
    @discardableResult
    package func repair() async throws -> Bool {
        try await turns.run {
            guard !state.withLock({ $0.mayOpen }) else { return false }
            let (expected, seen) = state.withLock { state in
                state.access == state.loaded ? (state.listing, state.generation) : (nil, nil)
            }
            // Two programs are started for a listing: not where nobody has changed any rule of the node since.
            let generation = try? await HostSurvey.rulesGeneration(in: namespace)
            if expected != nil, generation != nil, generation == seen { return false }
            if let expected, try await listing() == expected {
                state.withLock { $0.generation = generation }
                return false
            }
            logger.warning("drift of the gate; making it anew")
            try await makeClosed()
            return true
        }
    }

    private func makeClosed() async throws {
        // Again: an opening may have had its turn since `close()` set it.
        state.withLock { $0.mayOpen = false }
        try await load(openFor: nil, notAfter: nil)
        let generation = try? await HostSurvey.rulesGeneration(in: namespace)
        if let listing = try await listing() { state.withLock { ($0.listing, $0.generation) = (listing, generation) } }
    }

    private func replace(openUntil deadline: () -> ContinuousClock.Instant?) async throws {
        // A rest that is not worth a process is left to the kernel, which closes it by itself.
        while let deadline = deadline(), case let now = ContinuousClock.now, deadline - now >= Self.shortest {
            do {
                // An element's timeout begins when the kernel gets it: a decision that is old by then would last too
                // long.
                return try await load(openFor: deadline - now, notAfter: now + Self.startWithin)
            } catch let error as HostCommandError {
                // The machine was too busy, or stopped: the timeout is computed anew.
                guard error.reason == .tooLate else { throw error }
            }
        }
    }

    private func load(openFor time: Duration?, notAfter: ContinuousClock.Instant?) async throws {
        let access = state.withLock { $0.access }
        // As an argument, not as its input: this process writes the input, and one that was stopped in between would
        // write it when it goes on, perhaps in another node's term. Seen on a busy machine.
        let command = HostCommand(
            .nft,
            [GateTable.script(openFor: time, access)],
            timeout: time == nil ? HostCommand.standardTimeout : Self.openingTimeout,
            namespace: namespace,
            notAfter: notAfter
        )
        let output = try await runner.output(command)
        guard output.exit.isSuccess else {
            throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
        }
        state.withLock { $0.loaded = access }
    }

    /// The tables, without counters and elements, as the kernel has them; nil when one is not there.
    private func listing() async throws -> [String]? {
        var tables: [String] = []
        // One by one: of several lists in one command nft 1.0.6 finds only the last table.
        for family in GateTable.families {
            let arguments = ["--stateless", "list", "table", family.rawValue, GateTable.name]
            let output = try await runner.output(HostCommand(.nft, arguments, namespace: namespace))
            guard output.exit.isSuccess else { return nil }
            tables.append(GateTable.inOneOrder(output.text))
        }
        return tables
    }
}
