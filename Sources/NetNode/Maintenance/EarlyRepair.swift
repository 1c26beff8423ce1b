import ClusterOps
import Logging
import ServiceLifecycle

/// Repairs what somebody breaks on this node as soon as the kernel tells of it, and within two seconds when it does not.
///
/// An event leads to a look, which asks the kernel and nobody else whether it has what the last pass has left; only a
/// difference leads to a pass. So what we do ourselves, of which the kernel tells as well, costs a look and no more.
struct EarlyRepair: Sendable {
    /// How often it looks without being told: events get lost, and of some damage there is none.
    static let sweepInterval: Duration = .seconds(2)
    /// The least time between two looks, whatever the kernel tells.
    private static let pace: Duration = .milliseconds(200)
    /// The pause after a look, in times that it took: it costs a fifth of a processor at most.
    private static let pauseShare = 4

    private let networks: NodeNetworks
    private let gate: Gate
    private let coordinator: NetworkCoordinator
    private let ears: HostEars
    private let ofNetworks = HostChangeInbox()
    private let ofGate = HostChangeInbox()
    private let logger: Logger

    /// Creates it; it hears and does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - networks: of this node.
    ///   - gate: of this node.
    ///   - coordinator: says whether this node serves.
    ///   - prefix: what the names of this node's namespaces begin with.
    ///   - stateDirectory: has a directory for each network.
    ///   - logger: told of what is found broken.
    init(
        networks: NodeNetworks,
        gate: Gate,
        coordinator: NetworkCoordinator,
        prefix: String,
        stateDirectory: String,
        logger: Logger
    ) {
        self.networks = networks
        self.gate = gate
        self.coordinator = coordinator
        self.logger = logger
        ears = HostEars(prefix: prefix, stateDirectory: stateDirectory) { [ofNetworks, ofGate] change in
            if change != .rules { ofNetworks.note(change) }
            if change == .rules || change == .lost { ofGate.note(change) }
        }
    }

    /// Listens, looks and repairs until graceful shutdown.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await sweep() }
            group.addTask { await cancelWhenGracefulShutdown { await repairNetworks() } }
            group.addTask { await cancelWhenGracefulShutdown { await repairGate() } }
        }
        ears.close()
    }

    private func sweep() async {
        var trouble = Trouble(logger: logger)
        repeat {
            do {
                try ears.listen()
                trouble.over()
            } catch {
                // Sweeps and maintenance find what is not heard of.
                trouble.report("not all changes on this node can be heard of: \(error)")
            }
            ofNetworks.ring()
            ofGate.ring()
        } while await pause(for: Self.sweepInterval) == .elapsed
    }

    private func repairNetworks() async {
        var trouble = Trouble(logger: logger)
        var backoff = RepairBackoff()
        for await _ in ofNetworks.rings {
            let changes = ofNetworks.take()
            let start = ContinuousClock.now
            var took = Duration.zero
            do {
                let broken = try await networks.broken(after: changes)
                took = ContinuousClock.now - start
                let due = backoff.due(broken, at: .now)
                var left = broken.subtracting(due)
                if !due.isEmpty {
                    logger.info("drift", metadata: ["vnis": "\(due.sorted())"])
                    let failed = try await networks.repair(due, under: coordinator.tenure)
                    backoff.note(repaired: due, broken: failed, at: .now)
                    left.formUnion(failed)
                    // Of what we left undone the kernel does not tell.
                    if !failed.isEmpty { ofNetworks.ring() }
                }
                // What a sweep would not look at.
                if !left.isEmpty { ofNetworks.giveBack(changes) }
                trouble.over()
            } catch {
                ofNetworks.giveBack(changes)
                trouble.report("what is broken cannot be found or repaired: \(error)")
            }
            guard await pause(for: max(Self.pace, took * Self.pauseShare)) == .elapsed else { return }
        }
    }

    private func repairGate() async {
        var trouble = Trouble(logger: logger)
        for await _ in ofGate.rings {
            let changes = ofGate.take()
            do {
                if changes.rules, let tenure = coordinator.tenure {
                    // The next renewal would do it as well.
                    try await gate.extend(tenure)
                } else {
                    try await gate.repair()
                }
                trouble.over()
            } catch {
                trouble.report("the gate cannot be repaired: \(error)")
            }
            guard await pause(for: Self.pace) == .elapsed else { return }
        }
    }
}
