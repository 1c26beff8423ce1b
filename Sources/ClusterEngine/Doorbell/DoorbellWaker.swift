import ClusterModel
import ClusterStore
import MariaDB
import Synchronization

/// Rings the doorbells of processes that drain the queues which have got work.
///
/// Whom to ring is read from the sessions and remembered for a moment: a burst of enqueues costs one look-up.
package final class DoorbellWaker: Waker {
    /// For how long a list of doorbells is good.
    ///
    /// A process that is not in it yet polls.
    package static let memory: Duration = .seconds(1)
    /// Returns the number of processes that are woken for some operations, of those that drain a queue of all.
    ///
    /// One for each operation, which may be too many where each takes a batch; the one more is for the case that one
    /// is busy. Waking all for a single operation would make a herd.
    static func woken(for operations: Int) -> Int { min(operations + 1, DoorbellSender.mostDatagrams) }

    private struct Remembered {
        let doorbells: [HostPort]
        let since: ContinuousClock.Instant
    }

    private let database: Database
    private let sender: DoorbellSender
    private let remembered = Mutex<[QueueTarget: Remembered]>([:])

    package init(database: Database, sender: DoorbellSender) {
        self.database = database
        self.sender = sender
    }

    package func wake(_ queues: Set<QueueName>, operations: Int) async {
        var doorbells: Set<HostPort> = []
        for target in Set(queues.map(\.target)) {
            let known = await self.doorbells(of: target)
            doorbells.formUnion(target == .any ? Array(known.shuffled().prefix(Self.woken(for: operations))) : known)
        }
        if !doorbells.isEmpty { _ = sender.ring(doorbells) }
    }

    package func wake(_ session: SessionID) async {
        // A look-up that fails costs the time to the session's next renewal.
        let doorbell = try? await database.withSession { try SessionStatements.doorbell(of: session, on: $0) }
        if let doorbell { _ = sender.ring([doorbell]) }
    }

    package func wakeWaiters(of ended: Set<OperationID>, besides rung: Set<WaiterStatements.Waiter>) async {
        guard !ended.isEmpty else { return }
        // Asked anew each time: who registered a moment ago must be found. A look-up that fails costs a slow poll.
        let found = try? await database.withSession { try WaiterStatements.waiters(for: ended.sorted(), on: $0) }
        guard let found, !found.isEmpty else { return }
        wake(found.filter { !rung.contains($0) })
        // They have nothing more to wait for, and are not kept waiting by it. What stays is swept when it has expired.
        _ = try? await database.withSession { try WaiterStatements.remove(found, on: $0) }
    }

    package func wake(_ waiters: [WaiterStatements.Waiter]) {
        // Each of them waits for this, so no choice is made among them. One that does not parse is nobody's.
        var rest = Array(Set(waiters.compactMap { try? HostPort($0.doorbell) }))[...]
        while !rest.isEmpty {
            _ = sender.ring(rest.prefix(DoorbellSender.mostDatagrams))
            rest = rest.dropFirst(DoorbellSender.mostDatagrams)
        }
    }

    private func doorbells(of target: QueueTarget) async -> [HostPort] {
        let now = ContinuousClock.now
        if let known = remembered.withLock({ $0[target] }), now - known.since < Self.memory { return known.doorbells }
        // A look-up that fails costs a slow poll.
        let found = try? await database.withSession { session in
            switch target {
            case .any: try SessionStatements.doorbells(.queueworker, node: nil, on: session)
            case .node(let name): try SessionStatements.doorbells(.queueworker, node: name, on: session)
            case .nodeNetwork(let name): try SessionStatements.doorbells(.netnode, node: name, on: session)
            case .networkNode: try SessionStatements.doorbells(.netnode, node: nil, on: session)
            }
        }
        let doorbells = found ?? []
        remembered.withLock { $0[target] = Remembered(doorbells: doorbells, since: now) }
        return doorbells
    }
}
