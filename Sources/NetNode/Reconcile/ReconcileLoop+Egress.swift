import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import Synchronization

/// A run over the egress of some networks, and the comparison of the kernel with what runs have left.
extension ReconcileLoop {
    /// The least time between two looks, whatever the kernel tells.
    private static let pace: Duration = .milliseconds(200)
    /// The pause after a look, in times that it took: it costs a fifth of a processor at most.
    private static let pauseShare = 4

    /// Brings the egress of networks to its wanted state, or, without an answer of the database, to the state that the
    /// last runs wanted.
    func runEgress(_ priorities: [VNI: Queue.Priority]) async {
        let vnis = Set(priorities.keys)
        let left = Mutex(vnis)
        let tenure = tenure
        @Sendable func end(
            _ vni: VNI,
            _ failure: (any Error)?,
            hasDrifted: Bool = false,
            isBroken: Bool,
            _ error: (any Error)? = nil
        ) {
            guard left.withLock({ $0.remove(vni) }) != nil else { return }
            let isBroken = isBroken && !Task.isCancelled
            if hasDrifted {
                logger.info("drift of egress", metadata: ["vnis": "\([vni])", "repaired": "\(!isBroken)"])
                record.found(1, repaired: isBroken ? 0 : 1)
            }
            let result: Result<Reconciled, any Error> =
                error.map { .failure($0) } ?? .success(Reconciled(egressFailure: failure))
            self.end(.egress(vni), result, isBroken: isBroken, needsLook: priorities[vni]?.isRepair == true)
        }
        do {
            let wanted = try await networks.wantedEgress(of: vnis)
            let scope = EgressReconciler.Scope(only: vnis, wanted)
            let networkOf = Dictionary(wanted.networks.map { ($0.vni, $0) }) { first, _ in first }
            for unreadable in wanted.unreadable {
                let failure = UnreadableEgress(network: unreadable)
                try await write([.problem(AppliedPart.egress.rawValue, of: unreadable.id, "\(failure)")], under: nil)
                if let vni = unreadable.vni { end(vni, failure, isBroken: false) }
            }
            try await networks.egress.pass(scope) { vni, ending in
                let failure = ending.failure
                do {
                    if let finding = self.finding(vni, networkOf[vni], failure, tenure) {
                        try await self.write([finding], under: tenure)
                    }
                    // Without a bridge there is nothing that another run could do.
                    let isBroken = failure.map { !($0 is MissingBridge) } ?? false
                    end(vni, failure, hasDrifted: ending.hasDrifted, isBroken: isBroken)
                } catch {
                    end(vni, failure, hasDrifted: ending.hasDrifted, isBroken: !(error is TenureOver), error)
                }
            }
            // The networks that have no egress, and should have none.
            for vni in left.withLock({ $0 }) {
                if let finding = finding(vni, nil, nil, tenure) { try await write([finding], under: tenure) }
                end(vni, nil, isBroken: false)
            }
        } catch let outage as DatabaseError where outage.isWithoutAnswer && !Task.isCancelled {
            let scope = networks.egress.lastScope(of: left.withLock { $0 })
            _ = try? await networks.egress.pass(scope) { vni, ending in
                end(vni, ending.failure, hasDrifted: ending.hasDrifted, isBroken: ending.failure != nil, outage)
            }
            for vni in left.withLock({ $0 }) { end(vni, nil, isBroken: false, outage) }
        } catch {
            if !Task.isCancelled {
                logger.warning("egress cannot be reconciled", metadata: ["error": "\(error)"])
            }
            for vni in left.withLock({ $0 }) { end(vni, error, isBroken: true, error) }
        }
    }

    /// Returns what is to be written down of an egress; nil where nothing is.
    private func finding(
        _ vni: VNI,
        _ wanted: EgressWanted?,
        _ failure: (any Error)?,
        _ tenure: Tenure?
    ) -> NetworkLedger.Finding? {
        guard let wanted else {
            if let failure {
                logger.warning(
                    "egress is left that is not wanted",
                    metadata: ["vni": "\(vni)", "error": "\(failure)"]
                )
            }
            return networks.known.withLock { $0.id(of: vni) }.map { .problem(AppliedPart.egress.rawValue, of: $0, nil) }
        }
        if failure == nil, tenure != nil {
            return .reachedUnderTerm(.egress, of: wanted.network, generation: wanted.generation)
        }
        return .problem(AppliedPart.egress.rawValue, of: wanted.network, failure.map { "\($0)" })
    }

    /// Compares all that the kernel has with what the last runs have left, and asks for repairs of what differs.
    ///
    /// It asks neither the database nor a program. What it does not look at beyond devices, namespaces and where
    /// servers stand is what the kernel has told of: rows, and servers' files.
    func look() async {
        let changes = takeChanges()
        let start = ContinuousClock.now
        var took = Duration.zero
        do {
            let survey = try await networks.surveyOfAll(withEntries: changes.entries)
            took = ContinuousClock.now - start
            let broken = networks.known.withLock { $0 }.broken(in: survey)
                .union(await networks.servers.broken(readingFilesOf: changes.files))
            // An egress is repaired after its namespace.
            let brokenEgress = networks.egress.broken(in: survey)
            let due = broken.map { Key.network($0) } + brokenEgress.subtracting(broken).map { Key.egress($0) }
            addRepairs(of: Set(due), among: Set(due + brokenEgress.map { Key.egress($0) }), after: changes)
            lookErrors.resolved()
        } catch {
            giveBack(changes)
            if !Task.isCancelled { lookErrors.report("what is broken cannot be found: \(error)") }
        }
        end(.node, .success(Reconciled()), isBroken: false, rest: max(Self.pace, took * Self.pauseShare))
    }
}
