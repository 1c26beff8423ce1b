import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import Synchronization

/// A run over some networks.
extension ReconcileLoop {
    /// The longest time for which a take-over changes no devices, until the running servers have reloaded: as long as
    /// the gate may stay closed for them.
    private static let mostBeforeDevices: Duration = .milliseconds(1500)

    /// The networks of a run, each until all of its parts have ended.
    private final class Batch: Sendable {
        private let runs: Mutex<[VNI: NetworkRun]>

        init(_ priorities: [VNI: Queue.Priority], after known: KnownNetworks, under tenure: Tenure?) {
            let all = priorities.map { vni, priority in
                let previous = known.generation(of: vni)
                return (
                    vni,
                    NetworkRun(vni: vni, priority: priority, tenure: tenure, previous: previous, pending: [.kernel])
                )
            }
            runs = Mutex(Dictionary(all) { first, _ in first })
        }

        /// Updates the runs of some networks, and ends a part of them.
        ///
        /// - Returns: The runs that have no other part left.
        func end(
            _ part: NetworkRun.Part,
            of vnis: some Sequence<VNI>,
            _ note: (inout NetworkRun) -> Void = { _ in }
        ) -> [NetworkRun] {
            runs.withLock { runs in
                vnis.compactMap { vni in
                    guard runs[vni]?.pending.contains(part) == true, var run = runs[vni] else { return nil }
                    note(&run)
                    run.pending.remove(part)
                    runs[vni] = run
                    return run.pending.isEmpty ? run : nil
                }
            }
        }

        func update(_ vni: VNI, _ change: (inout NetworkRun) -> Void) {
            runs.withLock { runs in
                guard var run = runs[vni] else { return }
                change(&run)
                runs[vni] = run
            }
        }
    }

    /// Reconciles the mesh, the namespaces and the servers of networks; without an answer of the database, restores the
    /// devices and namespaces that their last runs wanted, and starts the servers that have died since.
    func run(_ priorities: [VNI: Queue.Priority], _ removals: [VNI: Removal]) async {
        let vnis = Set(priorities.keys)
        let known = networks.known.withLock { $0 }
        let batch = Batch(priorities, after: known, under: tenure)
        do {
            let wanted = try await networks.wanted(of: vnis)
            networks.known.withLock { $0.note(wanted, of: vnis) }
            try await notePorts(wanted, of: vnis)
            if !wanted.isNetworkNode { for vni in vnis { networks.egress.forget(vni) } }
            await withDiscardingTaskGroup { group in
                await bring(batch, priorities, to: wanted, after: known, removals, in: &group)
            }
        } catch let error as DatabaseError where error.isWithoutAnswer && !Task.isCancelled {
            await restore(batch, of: vnis, error)
        } catch {
            leaveKernel()
            reportTrouble(error)
            await end(batch.end(.kernel, of: vnis) { ($0.error, $0.isDeviceBroken) = (error, true) })
        }
    }

    private func bring(
        _ batch: Batch,
        _ priorities: [VNI: Queue.Priority],
        to wanted: NodeWanted,
        after known: KnownNetworks,
        _ removals: [VNI: Removal],
        in group: inout DiscardingTaskGroup
    ) async {
        var rest = Set(priorities.keys)
        // A removal takes its time beside the others.
        for (vni, removal) in removals {
            let isUnwanted = removal == .all ? !wanted.vnis.contains(vni) : !wanted.needsNamespace(vni)
            guard isUnwanted else {
                batch.update(vni) { $0.outcome.removal = .stillWanted }
                continue
            }
            if wanted.vnis.contains(vni) {
                // Its share of the mesh stays, and is reconciled like any other.
                batch.update(vni) { $0.pending.insert(.removal) }
            } else {
                batch.update(vni) { $0.pending = [.removal] }
                rest.remove(vni)
            }
            group.addTask { await self.end(await self.remove(vni, removal, in: batch)) }
        }
        let unreadable = Dictionary(wanted.unreadable.compactMap { one in one.vni.map { ($0, one) } }) { one, _ in one }
        let networks = Dictionary(wanted.mesh.networks.map { ($0.vni, $0) }) { first, _ in first }
        for vni in rest {
            batch.update(vni) { run in
                run.outcome.network = networks[vni]?.id ?? unreadable[vni]?.id
                run.outcome.isNetworkNode = wanted.isNetworkNode
                run.outcome.unreadable = unreadable[vni]?.reason
                run.outcome.isMeshUnreadable = unreadable[vni] != nil && networks[vni] == nil
            }
        }
        // Servers that an operation or a take-over waits for come before those of maintenance.
        var servers = self.networks.servers.mayRun ? wanted.servers.filter { rest.contains($0.vni) } : []
        servers.sort { (priorities[$0.vni] ?? .background) > (priorities[$1.vni] ?? .background) }
        for server in servers { batch.update(server.vni) { $0.pending.insert(.server) } }
        // A running server that an operation waits for reloads first: nearly always a guest is the only change.
        let running = await self.networks.servers.running
        let first = servers.filter { running[$0.vni] != nil && priorities[$0.vni] ?? .background >= .operation }
        for server in first { batch.update(server.vni) { $0.pending.insert(.restart) } }
        let told = AsyncStream<Void>.makeStream()
        start(&servers, first, batch, in: &group) { told.continuation.finish() }
        if !first.isEmpty, priorities.values.contains(.takeover) {
            // Guests wait for their servers: device changes would take the processors from them.
            group.addTask {
                // The bound of that wait: a server that hangs must not keep the gate closed, and nothing else ends it.
                try? await Task.sleep(for: Self.mostBeforeDevices)
                told.continuation.finish()
            }
            for await _ in told.stream {}
        }
        let replaced = await bringDevices(batch, to: wanted, of: rest, after: known) { ready in
            start(&servers, servers.filter { ready.contains($0.vni) }, batch, in: &group)
        }
        // A server that was reloaded first may run in a namespace that was replaced since.
        let again = first.filter { replaced.contains($0.vni) }
        await end(batch.end(.restart, of: first.map(\.vni).filter { !replaced.contains($0) }))
        if !again.isEmpty {
            group.addTask {
                await self.networks.bring(again) { server, result in
                    await self.end(batch.end(.restart, of: [server.vni]) { $0.note(result, of: server) })
                }
            }
        }
        // Their namespaces are missing.
        await end(batch.end(.server, of: servers.map(\.vni)) { $0.outcome.serverFailure = $0.outcome.namespaceFailure })
    }

    private func logDrift(_ drift: Set<VNI>) {
        if !drift.isEmpty { logger.info("drift", metadata: ["vnis": "\(drift.sorted())"]) }
    }

    private func reportTrouble(_ error: any Error) {
        // A cancelled run has not failed.
        guard !Task.isCancelled else { return }
        runErrors.report("networks cannot be reconciled: \(error)")
    }

    /// Reconciles devices and namespaces, and calls `ready` with the networks whose namespaces are ready for their
    /// servers: first with those that need no change.
    ///
    /// - Returns: The networks whose namespaces were changed and are ready.
    private func bringDevices(
        _ batch: Batch,
        to wanted: NodeWanted,
        of vnis: Set<VNI>,
        after known: KnownNetworks,
        ready: (Set<VNI>) -> Void
    ) async -> Set<VNI> {
        let mesh = MeshWanted(networks: wanted.mesh.networks.filter { vnis.contains($0.vni) })
        let namespaces = wanted.namespaces.filter { vnis.contains($0.vni) }
        do {
            let survey = try await networks.survey(of: namespaces.map(\.vni), toCompare: vnis)
            let different = Set(
                namespaces.filter { !networks.namespaces.changes(from: survey, to: $0).isEmpty }.map(\.vni)
            )
            let drift = known.lost(among: vnis, in: survey)
            logDrift(drift)
            ready(vnis.subtracting(different))
            try await networks.admitPeers(survey)
            let pass = try await networks.mesh.pass(mesh, from: survey)
            var ports = try await bringPorts(of: vnis, from: pass.changes.isEmpty ? survey : nil)
            let failures = try await networks.namespaces.pass(namespaces, from: survey)
            // Gateways whose veths are new.
            if !different.isEmpty { ports.merge(try await bringPorts(of: different, from: nil)) }
            leaveKernel()
            logDrift(ports.drifted.subtracting(drift))
            // Their egress went with their namespaces, or was made without them.
            add(different.filter(networks.egress.isKnown).map { .egress($0) }, .repair)
            let changes = Dictionary(grouping: pass.changes, by: \.vni)
            let remaining = Set(pass.remaining.map(\.vni))
            let wantedMesh = Dictionary(mesh.networks.map { ($0.vni, $0) }) { first, _ in first }
            let ended = batch.end(.kernel, of: vnis) { run in
                run.hasDrifted = run.hasDrifted || drift.contains(run.vni)
                run.outcome.meshTrouble = remaining.contains(run.vni) ? pass.trouble(of: run.vni) : nil
                let failure = failures[run.vni]
                run.note(wantedMesh[run.vni], changes[run.vni] ?? [], ports, namespaceFailure: failure)
            }
            let failed = remaining.union(failures.keys).union(ports.trouble.keys)
            let reached = Set(mesh.networks.map(\.vni)).subtracting(failed)
            networks.known.withLock { $0.noteReached(reached) }
            ready(different.subtracting(failures.keys))
            await end(ended)
            runErrors.resolved()
            return different.subtracting(failures.keys)
        } catch {
            leaveKernel()
            reportTrouble(error)
            await end(batch.end(.kernel, of: vnis) { ($0.error, $0.isDeviceBroken) = (error, true) })
            return []
        }
    }

    /// Begins to reconcile some of the servers, and removes them from those that are left.
    private func start(
        _ left: inout [ServerWanted],
        _ some: [ServerWanted],
        _ batch: Batch,
        in group: inout DiscardingTaskGroup,
        ended: @escaping @Sendable () -> Void = {}
    ) {
        guard !some.isEmpty else { return }
        let vnis = Set(some.map(\.vni))
        left.removeAll { vnis.contains($0.vni) }
        group.addTask {
            await self.networks.bring(some) { server, result in
                if case .success = result { self.tellServed(server.vni) }
                await self.end(batch.end(.server, of: [server.vni]) { $0.note(result, of: server) })
            }
            ended()
        }
    }

    /// Restores the devices and namespaces that the last runs wanted; waiters get the error of the database.
    private func restore(_ batch: Batch, of vnis: Set<VNI>, _ outage: DatabaseError) async {
        let known = networks.known.withLock { $0 }
        let (mesh, namespaces) = known.wanted(of: vnis)
        var (broken, failure): (Set<VNI>, (any Error)?) = ([], nil)
        var (changed, drift): (Set<VNI>, Set<VNI>) = ([], [])
        do {
            let survey = try await networks.survey(of: namespaces.map(\.vni), toCompare: vnis)
            changed = Set(
                namespaces.filter { !networks.namespaces.changes(from: survey, to: $0).isEmpty }.map(\.vni)
            ).union(MeshDiff.changes(from: survey.mesh, to: mesh).map(\.vni))
            drift = known.lost(among: vnis, in: survey)
            logDrift(drift)
            try await networks.admitPeers(survey)
            let pass = try await networks.mesh.pass(mesh, from: survey)
            let failures = try await networks.namespaces.pass(namespaces, from: survey)
            let ports = try await bringPorts(of: vnis, from: changed.isEmpty ? survey : nil)
            logDrift(ports.drifted.subtracting(drift))
            drift.formUnion(ports.drifted)
            changed.formUnion(ports.drifted)
            broken = Set(pass.remaining.map(\.vni)).union(failures.keys).union(ports.trouble.keys)
        } catch {
            failure = error
        }
        leaveKernel()
        add(changed.filter(networks.egress.isKnown).map { .egress($0) }, .repair)
        await startDeadServers(known.servers(of: vnis.subtracting(broken)))
        let ended = batch.end(.kernel, of: vnis) { run in
            run.error = failure ?? outage
            run.isDeviceBroken = failure != nil || broken.contains(run.vni)
            run.hasDrifted = drift.contains(run.vni)
        }
        await end(ended)
    }

    /// Starts those servers that do not run, while this node serves without the database (`election.outage`): those
    /// that run were wanted like these.
    private func startDeadServers(_ servers: [ServerWanted]) async {
        guard tenure != nil, networks.servers.mayRun else { return }
        let running = await networks.servers.running
        // One that fails is found missing by the next drift check.
        await networks.bring(servers.filter { running[$0.vni] == nil }) { _, _ in }
    }

    /// Removes what this node has of a VNI that is not wanted here.
    private func remove(_ vni: VNI, _ removal: Removal, in batch: Batch) async -> [NetworkRun] {
        do {
            let (deletion, wasCleared) = try await networks.remove(vni, removal)
            return batch.end(.removal, of: [vni]) { run in
                (run.outcome.removal, run.outcome.wasCleared) = (deletion, wasCleared)
            }
        } catch {
            return batch.end(.removal, of: [vni]) { $0.error = error }
        }
    }

    /// Records the findings of runs in one transaction, and ends the runs.
    private func end(_ runs: [NetworkRun]) async {
        guard !runs.isEmpty else { return }
        let failures = await record(runs)
        for run in runs {
            let failure = failures[run.vni]
            // Work that the end of a term has interrupted is for the node that is elected next.
            let isCutShort = failure.map { $0 is TenureOver } ?? true
            // The next drift check would find again what this run has left alone.
            let isLeft = run.isServerLeft ? await networks.servers.hasDrifted(run.vni) : false
            let isBroken = (run.isBroken || isLeft || !isCutShort) && !Task.isCancelled
            if run.hasDrifted { record.found(1, repaired: isBroken ? 0 : 1) }
            end(
                .network(run.vni),
                failure.map { .failure($0) } ?? run.result,
                isBroken: isBroken,
                needsDriftCheck: run.priority.isRepair
            )
        }
    }

    /// Records the findings of runs together, or one by one where that is refused: a lock on one network's rows does
    /// not keep the findings of the others.
    ///
    /// - Returns: The errors, by network.
    private func record(_ runs: [NetworkRun]) async -> [VNI: any Error] {
        do {
            // Those of one batch are of one tenure.
            try await write(runs.flatMap(\.findings), under: runs[0].tenure)
            return [:]
        } catch {
            let isOfAll =
                error is TenureOver || error is CancellationError
                || (error as? DatabaseError)?.isWithoutAnswer == true || runs.count == 1
            guard !isOfAll else { return Dictionary(runs.map { ($0.vni, error) }) { first, _ in first } }
        }
        var failures: [VNI: any Error] = [:]
        for run in runs {
            do {
                try await write(run.findings, under: run.tenure)
            } catch {
                failures[run.vni] = error
            }
        }
        return failures
    }

    /// Records findings; those under a term only while it lasts.
    func write(_ findings: [NetworkLedger.Finding], under tenure: Tenure?) async throws {
        // A run that a shutdown has cancelled has no findings.
        try Task.checkCancellation()
        do {
            try await log(networks.ledger.record(findings, under: tenure))
        } catch let error as TenureOver {
            let others = findings.filter { if case .reachedUnderTerm = $0 { false } else { true } }
            try await log(networks.ledger.record(others))
            throw error
        }
    }

    private func log(_ news: [NetworkLedger.Finding]) {
        for case .problem(AppliedPart.dnsmasq.rawValue, let network, let message?) in news {
            logger.error("a network has no server", metadata: ["network": "\(network)", "error": "\(message)"])
        }
    }
}
