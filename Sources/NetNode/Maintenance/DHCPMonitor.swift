import ClusterEngine
import ClusterModel
import ClusterStore
import Glibc
import Logging
import MariaDB
import ServiceLifecycle
import Synchronization

/// Follows what the DHCP servers of this node log: tells of it, has declined addresses offered again, and, on the
/// elected node, writes down leases, events and problems.
///
/// Servers wait neither for it nor for the database.
package final class DHCPMonitor: Service {
    /// The time between two reads of the logs: a guest asks again after some seconds, and a server whose log outgrows
    /// what is kept of it writes more than 100 KiB a second.
    private static let readPace: Duration = .milliseconds(500)
    /// The time between two writes: a lease is to be seen soon after it was given, and a hundred guests that start
    /// together are one transaction.
    private static let writePace: Duration = .seconds(2)
    /// The time after which all leases are written again, also those that somebody has deleted.
    private static let rewritePace: Duration = .seconds(600)
    /// The time between two deletions of what has ended.
    private static let sweepPace: Duration = .seconds(60)
    /// Events and leases of one transaction.
    private static let (mostEvents, mostLeases) = (500, 1000)

    private let loop: ReconcileLoop
    private let logger: Logger
    private let journal = Mutex(DHCPJournal())

    /// Creates it; nothing is read before ``run()``.
    init(_ loop: ReconcileLoop, logger: Logger) {
        self.loop = loop
        self.logger = logger
    }

    private var networks: NodeNetworks { loop.networks }

    /// Reads and writes until graceful shutdown.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.write() }
                await self.read(in: &group)
            }
        }
    }

    // MARK: Reading

    private func read(in group: inout DiscardingTaskGroup) async {
        repeat {
            let isServing = loop.tenure != nil
            for server in networks.servers.all {
                guard let news = await server.news() else { continue }
                let told = journal.withLock { $0.note(news, isServing: isServing, at: .now) }
                for event in told { tell(event, of: news.wanted) }
            }
            let (due, leftOut) = journal.withLock { ($0.takeReloads(at: .now), $0.endIntervals(at: .now)) }
            for (vni, count) in leftOut {
                logger.notice("DHCP events left out", metadata: ["vni": "\(vni)", "count": "\(count)"])
            }
            // Beside the others: a server that hangs holds up nothing.
            for server in networks.servers.all where due.contains(server.vni) {
                group.addTask { await self.forgetDeclines(server) }
            }
        } while await pause(for: Self.readPace) == .elapsed
    }

    private func tell(_ event: DHCPEvent, of wanted: ServerWanted) {
        var metadata: Logger.Metadata = [
            "network": "\(wanted.name)", "vni": "\(wanted.vni)", "event": "\(event.kind.rawValue)",
            "mac": "\(event.mac)",
        ]
        metadata["address"] = event.address.map { "\($0)" }
        if !event.detail.isEmpty { metadata["detail"] = "\(event.detail)" }
        if event.kind.isNotable {
            logger.notice("DHCP event", metadata: metadata)
        } else {
            logger.info("DHCP event", metadata: metadata)
        }
    }

    private func forgetDeclines(_ server: NetworkServer) async {
        do {
            try await server.forgetDeclines()
            logger.notice("declined addresses are offered again", metadata: ["vni": "\(server.vni)"])
        } catch {
            // What was cut short has not failed, and a server that has to end forgets as well.
            guard !Task.isCancelled, !(error is ServersClosed) else { return }
            logger.warning(
                "declined addresses are not offered again yet",
                metadata: ["vni": "\(server.vni)", "error": "\(error)"]
            )
        }
    }

    // MARK: Writing

    /// The state of the writer between two writes.
    private struct Written {
        var term: UInt64 = 0
        var leases = LeaseBook()
        var rewrittenAt = ContinuousClock.now
        var sweptAt: ContinuousClock.Instant?
    }

    private func write() async {
        var errors = ErrorReporter("dhcp", logger: logger)
        var written = Written()
        repeat {
            guard let tenure = loop.tenure else {
                journal.withLock { $0.standDown() }
                continue
            }
            do {
                try await write(&written, under: tenure)
                errors.resolved()
            } catch {
                // Whoever is elected next writes what the end of a term has cut short.
                guard !Task.isCancelled, !(error is TenureOver) else { continue }
                errors.report("leases and DHCP events are not written down: \(error)")
            }
        } while await pause(for: Self.writePace) == .elapsed
    }

    private func write(_ written: inout Written, under tenure: Tenure) async throws {
        try await writeProblems()
        try await writeEvents()
        let now = ContinuousClock.now
        if written.term != tenure.term || now - written.rewrittenAt >= Self.rewritePace {
            written.leases.doubtAll()
            (written.term, written.rewrittenAt) = (tenure.term, now)
            journal.withLock { $0.noteChanged(networks.servers.all.map(\.vni)) }
        }
        try await writeLeases(&written.leases, under: tenure)
        if written.sweptAt.map({ now - $0 >= Self.sweepPace }) ?? true {
            try await networks.database.withTransaction { try DHCPLeaseStatements.sweep(in: $0) }
            try await networks.database.withTransaction { try NetworkEventStatements.sweep(in: $0) }
            written.sweptAt = now
        }
    }

    private func writeProblems() async throws {
        var findings: [NetworkLedger.Finding] = []
        for server in networks.servers.all {
            guard let wanted = await server.lastWanted else { continue }
            let problem = journal.withLock { $0.problem(of: wanted, at: .now) }
            findings.append(.problem(NodeNetworks.declinesProblem, of: wanted.id, problem))
        }
        try await networks.ledger.record(findings)
    }

    private func writeEvents() async throws {
        let node = networks.node
        while true {
            let some = journal.withLock { Array($0.pending.prefix(Self.mostEvents)) }
            guard !some.isEmpty else { return }
            let now = ContinuousClock.now
            let events = some.map { pending in
                NetworkEventStatements.Seen(
                    network: pending.network,
                    networkName: pending.name,
                    kind: pending.event.kind,
                    mac: pending.event.mac,
                    address: pending.event.address,
                    detail: pending.event.detail,
                    age: now - pending.at
                )
            }
            try await networks.database.withTransaction { transaction in
                try NetworkEventStatements.write(events, on: node, in: transaction)
            }
            journal.withLock { $0.drop(some, at: now) }
        }
    }

    private func writeLeases(_ book: inout LeaseBook, under tenure: Tenure) async throws {
        var left = journal.withLock { $0.takeChanged() }
        // What is not written now is read again.
        defer { journal.withLock { $0.noteChanged(left) } }
        for server in networks.servers.all where left.contains(server.vni) {
            // A server that is busy is read the next time.
            guard let found = try await server.leases() else {
                if await server.lastWanted?.servesDHCP != true { left.remove(server.vni) }
                continue
            }
            let changes = book.changes(found, of: server.vni)
            book.begin(changes, from: found, of: server.vni)
            try await write(changes, of: found.network, under: tenure)
            book.note(found, of: server.vni)
            left.remove(server.vni)
        }
    }

    private func write(_ changes: LeaseBook.Changes, of network: NetworkID, under tenure: Tenure) async throws {
        guard !changes.isEmpty else { return }
        let now = UInt64(time(nil))
        let held = changes.written.map { lease, end in
            DHCPLeaseStatements.Held(
                address: lease.address,
                mac: lease.mac,
                // Whatever the clock did between the server and here.
                remaining: Int(min(end - min(end, now), ServerFiles.leaseSeconds))
            )
        }.sorted { $0.address < $1.address }
        let node = networks.node
        for start in stride(from: 0, to: max(1, held.count), by: Self.mostLeases) {
            let some = Array(held[start..<min(held.count, start + Self.mostLeases)])
            try await networks.database.withTransaction { transaction in
                if start == 0 {
                    try DHCPLeaseStatements.delete(
                        changes.deleted,
                        of: network,
                        term: tenure.term,
                        in: transaction
                    )
                }
                try DHCPLeaseStatements.write(some, of: network, on: node, term: tenure.term, in: transaction)
                // Last: it keeps renewals waiting as long as the transaction waits for anything else.
                try tenure.confirm(in: transaction)
            }
        }
    }
}
