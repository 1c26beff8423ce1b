import ClusterEngine
import ClusterModel
import Foundation
import MariaDB

/// One caller, which asks for work in all the ways there are, one request after the other.
struct HammerClient: Sendable {
    private enum Way: Int, CaseIterable {
        case plain, adopting, ownTransaction, graph, sameIDTwice, exclusive, onceForAll
    }

    let cluster: TestCluster
    let networks: [NetworkName]
    let ledger: HammerLedger
    let random: SeededGenerator

    private static let update = BuiltInTask.networkApplyUpdateDNSMasq.name
    private static let exclusive = BuiltInTask.networkRemoveDHCPLease.name
    private static let noop = BuiltInTask.noop.name

    /// Asks until the time is over.
    func run(until deadline: ContinuousClock.Instant) async {
        var random = random
        while ContinuousClock.now < deadline, !Task.isCancelled {
            guard let way = Way.allCases.randomElement(using: &random),
                let network = networks.randomElement(using: &random)
            else { return }
            let lane = Lane.allCases.randomElement(using: &random) ?? .default
            ledger.note { $0.requests += 1 }
            do {
                try await ask(way, network, lane)
            } catch let error as ClusterOpsError {
                if error.code == .unreachable {
                    ledger.note { $0.unanswered += 1 }
                } else {
                    ledger.note { $0.complaints.append("\(way): \(error)") }
                }
            } catch let error as DatabaseError {
                if error.isUnreachable || error.code == .outcomeUnknown {
                    ledger.note { $0.unanswered += 1 }
                } else {
                    ledger.note { $0.complaints.append("\(way): \(error)") }
                }
            } catch {
                return  // Cancelled.
            }
        }
    }

    private func ask(_ way: Way, _ network: NetworkName, _ lane: Lane) async throws {
        let target = OperationRequest.Target(network: network)
        switch way {
        case .plain:
            let receipt = try await cluster.queue.enqueue(OperationRequest(tasks: [Self.noop], lane: lane))
            acknowledge(receipt.uuid, "plain")
        case .adopting, .exclusive:
            let need = try await cluster.bumpHammered(network)
            let task = way == .adopting ? Self.update : Self.exclusive
            let receipt = try await cluster.queue.enqueue(
                OperationRequest(tasks: [task], target: target, lane: lane)
            )
            acknowledge(receipt.uuid, "\(way), adopted: \(receipt.deduplicated)", need: need)
            if receipt.deduplicated { ledger.note { $0.adopted += 1 } }
        case .ownTransaction:
            try await askInOwnTransaction(network, lane)
        case .onceForAll:
            let receipt = try await cluster.queue.enqueue(
                OperationRequest(tasks: [Hammer.HammerTask.onceForAll.name], target: target, lane: lane)
            )
            acknowledge(receipt.uuid, "once for all, adopted: \(receipt.deduplicated)")
            if receipt.deduplicated { ledger.note { $0.adopted += 1 } }
        case .graph:
            try await askForGraph(network, lane)
        case .sameIDTwice:
            let need = try await cluster.bumpHammered(network)
            let request = OperationRequest(tasks: [Self.update], target: target, lane: lane, id: .new())
            async let other = answer(request)
            let (first, second) = (try await answer(request), try await other)
            acknowledge(first.uuid, "same id twice", need: need)
            ledger.note { ledger in
                ledger.sentTwice += 1
                if first.uuid != second.uuid { ledger.complaints.append("\(first.uuid) was answered by \(second)") }
            }
        }
    }

    /// Sends a request with an id of its own until it is answered.
    private func answer(_ request: OperationRequest) async throws -> OperationReceipt {
        while true {
            do {
                return try await cluster.queue.enqueue(request)
            } catch let error as ClusterOpsError {
                guard error.code == .unreachable else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// Changes wanted state and asks for the work in one transaction, and finds out itself whether a lost COMMIT
    /// happened.
    private func askInOwnTransaction(_ network: NetworkName, _ lane: Lane) async throws {
        let target = OperationRequest.Target(network: network)
        let request = OperationRequest(tasks: [Self.update], target: target, lane: lane, id: .new())
        guard let id = request.id else { return }
        let (queue, need) = (cluster.queue, Locked(0))
        do {
            let work = try await cluster.database.withTransaction { transaction in
                let version = try TestCluster.bumpHammered(network, in: transaction)
                need.update { $0 = version }
                return try queue.enqueue([request], in: transaction)
            }
            acknowledge(id, "own transaction", need: need.value)
            await queue.committed(work)
        } catch let error as DatabaseError {
            guard error.code == .outcomeUnknown else { throw error }
            let happened = try await cluster.happened(id)
            ledger.note { $0.resolved += 1 }
            if happened { acknowledge(id, "own transaction, found out", need: need.value) }
        }
    }

    /// A diamond below the work on a network.
    private func askForGraph(_ network: NetworkName, _ lane: Lane) async throws {
        let need = try await cluster.bumpHammered(network)
        let (top, left, right, bottom) = (OperationID.new(), OperationID.new(), OperationID.new(), OperationID.new())
        _ = try await cluster.queue.submit([
            OperationRequest(tasks: [Self.update], target: .init(network: network), lane: lane, id: top),
            OperationRequest(tasks: [Hammer.HammerTask.once.name], lane: lane, id: left, dependsOn: [top]),
            OperationRequest(tasks: [Self.noop], lane: lane, id: right, runsAfter: [top]),
            OperationRequest(tasks: [Self.noop], lane: lane, id: bottom, dependsOn: [left, right]),
        ])
        acknowledge(top, "graph", need: need)
        acknowledge(right, "graph")
        for id in [left, bottom] { acknowledge(id, "graph", mayBeAborted: true) }
    }

    private func acknowledge(_ id: OperationID, _ way: String, need: Int? = nil, mayBeAborted: Bool = false) {
        let way = "\(way), by \(cluster.configuration.endpoint), at \(Date.now)"
        ledger.acknowledge(id, way, need: need, mayBeAborted: mayBeAborted)
    }
}

extension TestCluster {
    /// Changes a network's wanted state; returns the version that it got.
    func bumpHammered(_ network: NetworkName) async throws -> Int {
        while true {
            do {
                return try await database.withTransaction { try Self.bumpHammered(network, in: $0) }
            } catch let error as DatabaseError {
                // Whether it happened does not matter: it is done once more, and the newer version counts.
                guard error.isUnreachable || error.code == .outcomeUnknown else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    static func bumpHammered(_ network: NetworkName, in transaction: borrowing Transaction) throws -> Int {
        try transaction.execute("UPDATE networks SET generation = generation + 1 WHERE name = \(network)")
        return try transaction.query("SELECT generation FROM networks WHERE name = \(network)")[0].only()
    }

    /// Returns whether an operation exists, live or ended; waits for a COMMIT that is still on its way.
    func happened(_ id: OperationID) async throws -> Bool {
        while true {
            do {
                return try await database.withTransaction { transaction in
                    let live = try transaction.query("SELECT id FROM work_queue WHERE id = \(id) LOCK IN SHARE MODE")
                    let ended = try transaction.query("SELECT id FROM finished_operations WHERE id = \(id)")
                    return !live.isEmpty || !ended.isEmpty
                }
            } catch let error as DatabaseError {
                guard error.isUnreachable || error.code == .outcomeUnknown else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
