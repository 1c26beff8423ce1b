import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import Synchronization

/// A run over the egress of some networks.
extension ReconcileLoop {
    /// Reconciles the egress of networks, or, without an answer of the database, restores the state that the last runs
    /// wanted.
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
            self.end(.egress(vni), result, isBroken: isBroken, needsDriftCheck: priorities[vni]?.isRepair == true)
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
                    // Without the external bridge another run could do nothing.
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

    /// Returns the finding to record of an egress; nil when there is none.
    private func finding(
        _ vni: VNI,
        _ wanted: EgressWanted?,
        _ failure: (any Error)?,
        _ tenure: Tenure?
    ) -> NetworkLedger.Finding? {
        guard let wanted else {
            if let failure {
                logger.warning(
                    "unwanted egress not removed",
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
}
