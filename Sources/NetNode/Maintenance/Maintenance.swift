import ClusterEngine
import ClusterModel
import Logging
import MariaDB
import ServiceLifecycle
import Synchronization

/// The service that compares actual with wanted state from time to time, and repairs drift of any cause.
package struct Maintenance: Service {
    private let loop: ReconcileLoop
    private let watch: HostWatch
    private let coordinator: NetworkCoordinator
    private let check: ClusterCheck
    private let interval: Duration
    private let strayGrace: Duration
    private let record: MaintenanceRecord
    private let logger: Logger

    init(
        loop: ReconcileLoop,
        watch: HostWatch,
        coordinator: NetworkCoordinator,
        check: ClusterCheck,
        interval: Duration,
        record: MaintenanceRecord,
        logger: Logger
    ) {
        self.loop = loop
        self.watch = watch
        self.coordinator = coordinator
        self.check = check
        self.interval = interval
        strayGrace = interval * StrayWatch.passes
        self.record = record
        self.logger = logger.component("maintenance")
    }

    /// Repairs until graceful shutdown; the first pass begins at once.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            // A shutdown cancels a pass: a database or a program that hangs must not delay it.
            group.addTask { await cancelWhenGracefulShutdown { await repairNetworks() } }
            group.addTask { await watch.run() }
            group.addTask { await cancelWhenGracefulShutdown { await coordinator.keepReady() } }
            group.addTask { await loop.networks.servers.run { try await revive($0) } }
        }
    }

    private func repairNetworks() async {
        var errors = ErrorReporter("maintenance", logger: logger, progress: record.progress)
        var failures = 0
        var pause = interval
        var strays = StrayWatch(grace: strayGrace)
        var left = StrayWatch(grace: strayGrace)
        var told: [VNI: MeshDeletion] = [:]
        repeat {
            let begun = ContinuousClock.now
            do {
                try await loop.maintain(isServing: coordinator.tenure != nil)
                if coordinator.tenure != nil { try await check.pass() }
                let (present, behindGate) = (try await networks.present(), try await networks.presentBehindGate())
                // Read after the kernel: a network that was made in between is wanted by now.
                let wanted = try await networks.wanted()
                try await networks.ledger.record(
                    UnderlayMTU.problems(wanted.mesh.networks).map { .problem(NodeNetworks.mtuProblem, of: $0, $1) }
                )
                let strays = strays.observe(present: present, wanted: wanted.vnis, at: .now)
                // Those need no grace: no network of their VNI can be made before this node has released it.
                let held = try await networks.heldVNIs()
                told = await remove(held.union(strays).sorted(), told)
                // Only networks whose mesh stays here; the others are strays as a whole. A node that still serves hands
                // over first.
                let isLeft = !wanted.isNetworkNode && coordinator.tenure == nil
                let leftByRole = isLeft ? behindGate.intersection(wanted.mesh.networks.map(\.vni)) : []
                await clear(left.observe(present: leftByRole, wanted: [], at: .now))
                errors.resolved()
                failures = 0
                record.passed(in: ContinuousClock.now - begun)
            } catch {
                // A cancelled pass has not failed.
                guard !Task.isCancelled else { return }
                errors.report("maintenance failed: \(error)")
                failures += 1
                record.failed(after: ContinuousClock.now - begun)
            }
            // With jitter, so that nodes that were started together do not read all at once.
            let next = interval * Double.random(in: 0.9...1.1)
            // Soon after the start the database or the node may be missing yet.
            pause = failures == 0 ? next : min(next, .seconds(1) * failures)
        } while await ClusterEngine.pause(for: pause) == .elapsed
    }

    private var networks: NodeNetworks { loop.networks }

    /// Brings the server of a network that has died to what is wanted.
    ///
    /// - Returns: What was done; nil when there is no such network any more, or it runs again without the database.
    private func revive(_ network: NetworkID) async throws -> ServerPass? {
        var vni = networks.known.withLock { $0.vni(of: network) }
        if vni == nil { vni = try await networks.vni(of: network) }
        guard let vni else { return nil }
        do {
            let outcome = try await loop.reconcile(.network(vni), .repair)
            if let failure = outcome.serverFailure { throw failure }
            return outcome.server
        } catch let error as DatabaseError where error.isWithoutAnswer {
            // A node that serves has started it as it was last wanted.
            guard await networks.servers.running[vni] != nil else { throw error }
            return nil
        }
    }

    /// Removes what a node that has lost the network role keeps behind its gate, one network after the other.
    private func clear(_ left: [VNI]) async {
        for vni in left {
            do {
                guard try await loop.reconcile(.network(vni), .background, removing: .namespace).wasCleared else {
                    continue
                }
                logger.notice("remains of a lost network role removed", metadata: ["vni": "\(vni)"])
            } catch {
                guard !Task.isCancelled else { return }
                logger.warning(
                    "remains of a lost network role not removed",
                    metadata: ["vni": "\(vni)", "error": "\(error)"]
                )
            }
        }
    }

    /// Removes strays whose grace time is over, one after the other: one that cannot be removed does not keep the
    /// others.
    ///
    /// One that a foreign device or file keeps is tried at every pass, and logged once.
    ///
    /// - Returns: The outcomes by VNI.
    private func remove(_ strays: [VNI], _ told: [VNI: MeshDeletion]) async -> [VNI: MeshDeletion] {
        var outcomes: [VNI: MeshDeletion] = [:]
        for vni in strays {
            do {
                let removed = try await loop.reconcile(.network(vni), .background, removing: .all)
                guard let outcome = removed.removal else { continue }
                outcomes[vni] = outcome
                let level: Logger.Level = told[vni] == outcome ? .debug : .notice
                logger.log(level: level, "stray", metadata: ["vni": "\(vni)", "outcome": "\(outcome)"])
            } catch {
                guard !Task.isCancelled else { return outcomes }
                logger.warning("stray not removed", metadata: ["vni": "\(vni)", "error": "\(error)"])
            }
        }
        return outcomes
    }
}
