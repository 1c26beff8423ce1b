import ClusterEngine
import ClusterModel
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
    private let ears: NetlinkMonitor
    private let ofNetworks = HostChangeInbox()
    private let ofGate = HostChangeInbox()
    private let serverRepairs = RepairsUnderWay()
    private let egressRepairs = RepairsUnderWay()
    private let record: MaintenanceRecord
    private let logger: Logger

    /// Creates it; it hears and does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - networks: of this node.
    ///   - gate: of this node.
    ///   - coordinator: says whether this node serves.
    ///   - prefix: what the names of this node's namespaces begin with.
    ///   - stateDirectory: has a directory for each network.
    ///   - record: told of how many networks were broken and repaired.
    ///   - logger: told of what is found broken.
    init(
        networks: NodeNetworks,
        gate: Gate,
        coordinator: NetworkCoordinator,
        prefix: String,
        stateDirectory: String,
        record: MaintenanceRecord,
        logger: Logger
    ) {
        self.networks = networks
        self.gate = gate
        self.coordinator = coordinator
        self.record = record
        self.logger = logger
        ears = NetlinkMonitor(prefix: prefix, stateDirectory: stateDirectory) { [ofNetworks, ofGate] change in
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
        var errors = ErrorReporter("repair", logger: logger)
        repeat {
            do {
                try ears.listen()
                errors.resolved()
            } catch {
                // Sweeps and maintenance find what is not heard of.
                errors.report("not all changes on this node can be heard of: \(error)")
            }
            ofNetworks.ring()
            ofGate.ring()
        } while await pause(for: Self.sweepInterval) == .elapsed
    }

    private func repairNetworks() async {
        await withDiscardingTaskGroup { group in
            await repairNetworks(with: &group)
            group.cancelAll()
        }
    }

    /// Repairs devices and namespaces one look after the other, servers and ways out beside that: a server may take ten
    /// seconds to find out that it does not start, a program that hangs as long, and no other network waits for it.
    private func repairNetworks(with group: inout DiscardingTaskGroup) async {
        var errors = ErrorReporter("repair", logger: logger)
        // Apart: a way out that cannot be repaired keeps its guests neither from their addresses nor from each other.
        var (backoff, egressBackoff) = (RepairBackoff(), RepairBackoff())
        for await _ in ofNetworks.rings {
            let busy = serverRepairs.look(noting: &backoff)
            let egressBusy = egressRepairs.look(noting: &egressBackoff)
            let changes = ofNetworks.take()
            let start = ContinuousClock.now
            var took = Duration.zero
            do {
                let damage = try await networks.damage(after: changes)
                took = ContinuousClock.now - start
                let due = backoff.due(damage.networks, besides: busy, at: .now)
                var left = damage.networks.subtracting(due)
                if !due.isEmpty {
                    logger.info("drift", metadata: ["vnis": "\(due.sorted())"])
                    let failed = try await networks.repair(due)
                    record.found(due.count, repaired: due.subtracting(failed).count)
                    backoff.note(repaired: failed, broken: failed, at: .now)
                    left.formUnion(failed)
                    let mended = due.subtracting(failed)
                    serverRepairs.begin(mended)
                    group.addTask { await repairServers(of: mended) }
                    // Of what we left undone the kernel does not tell.
                    if !failed.isEmpty { ofNetworks.ring() }
                }
                // Once their namespaces are there.
                let egressDue = egressBackoff.due(damage.egress, besides: egressBusy, at: .now)
                if !egressDue.isEmpty {
                    logger.info("drift of egress", metadata: ["vnis": "\(egressDue.sorted())"])
                    egressRepairs.begin(egressDue)
                    group.addTask { await repairEgress(egressDue, besides: due) }
                }
                // What a sweep would not look at; and of a server in the middle of a pass a look can tell nothing.
                if !left.isEmpty || !busy.isEmpty { ofNetworks.giveBack(changes) }
                errors.resolved()
            } catch {
                // What was cut short has not failed.
                guard !Task.isCancelled else { return }
                ofNetworks.giveBack(changes)
                errors.report("what is broken cannot be found or repaired: \(error)")
            }
            guard await pause(for: max(Self.pace, took * Self.pauseShare)) == .elapsed else { return }
        }
    }

    /// Repairs ways out; what fails is no other network's affair.
    ///
    /// - Parameters:
    ///   - due: whose.
    ///   - counted: networks that are counted as found broken already.
    private func repairEgress(_ due: Set<VNI>, besides counted: Set<VNI>) async {
        var failed = due
        do {
            failed = try await networks.repairEgress(due)
        } catch {
            // What was cut short has not failed, and nobody looks any more.
            guard !Task.isCancelled else { return }
            logger.warning("ways out cannot be repaired", metadata: ["error": "\(error)"])
        }
        let fresh = due.subtracting(counted)
        record.found(fresh.count, repaired: fresh.subtracting(failed).count)
        for vni in due { egressRepairs.end(vni, isWell: !failed.contains(vni)) }
        ofNetworks.ring()
    }

    private func repairServers(of vnis: Set<VNI>) async {
        await networks.repairServers(of: vnis, under: coordinator.tenure) { vni, isWell in
            serverRepairs.end(vni, isWell: isWell)
            ofNetworks.ring()
        }
    }

    private func repairGate() async {
        var errors = ErrorReporter("repair", logger: logger)
        for await _ in ofGate.rings {
            let changes = ofGate.take()
            do {
                if changes.rules, let tenure = coordinator.tenure {
                    // The next renewal would do it as well.
                    try await gate.extend(tenure)
                } else {
                    try await gate.repair()
                }
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { return }
                errors.report("the gate cannot be repaired: \(error)")
            }
            guard await pause(for: Self.pace) == .elapsed else { return }
        }
    }
}
