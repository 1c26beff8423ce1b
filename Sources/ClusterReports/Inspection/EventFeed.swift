import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// Turns operations that were looked at again and again into events that are told once, in the order of their times;
/// pure.
///
/// A time is written before its COMMIT, so that an event may come to be seen after later ones: each look goes back a
/// little.
struct EventFeed: Sendable {
    /// The time by which a read goes back behind the one before it: longer than any transaction of ours may take.
    static let overlap: Duration = .seconds(10)

    /// Operations whose events are remembered: those that have not ended, and those that ended lately.
    ///
    /// Beyond that all are forgotten at once, and some events are told twice.
    static let mostRemembered = 100_000

    private let since: Timestamp
    private var told: [OperationID: Set<TimelineEvent>] = [:]
    private var ended: [OperationID: Timestamp] = [:]
    private var toldOfNetworks: Set<NetworkEvent> = []
    private var toldOfChanges: Set<AuditEvent> = []
    private let choice: EventChoice

    /// Tells what happens from a moment on.
    init(since: Timestamp, of choice: EventChoice = .all) {
        self.since = since
        self.choice = choice
    }

    /// Takes what a look has found, and returns what has not been told.
    mutating func take(
        _ operations: [Operation],
        _ networks: [NetworkEvent] = [],
        _ changes: [AuditEvent] = [],
        now: Timestamp
    ) -> [EventView] {
        var news: [EventView] = []
        for operation in operations where choice.isAbout(operation) {
            let events = Timeline(operation, adoptions: [], now: now).events
                .filter { $0.at >= since && choice.includes($0.event) }
            let known = told[operation.id] ?? []
            news += events.filter { !known.contains($0) }.map { EventView(operation, $0) }
            told[operation.id] = known.union(events)
            ended[operation.id] = operation.finishedAt
        }
        news += networks.filter { $0.at >= since && choice.includes($0) && toldOfNetworks.insert($0).inserted }
            .map { EventView($0) }
        news += changes.filter { toldOfChanges.insert($0).inserted }.map { EventView($0) }
        forget(now: now)
        return news.enumerated()
            .sorted { ($0.element.event.at, $0.offset) < ($1.element.event.at, $1.offset) }
            .map(\.element)
    }

    /// Forgets the operations that no read finds any more.
    private mutating func forget(now: Timestamp) {
        let old = Timestamp(microseconds: now.microseconds - 2 * Self.overlap.wholeMicroseconds)
        for (id, finishedAt) in ended where finishedAt < old {
            ended[id] = nil
            told[id] = nil
        }
        if told.count > Self.mostRemembered { (told, ended) = ([:], [:]) }
        toldOfNetworks = toldOfNetworks.filter { $0.at >= old }
        toldOfChanges = toldOfChanges.filter { $0.at >= old }
    }
}

extension ClusterConnection {
    /// The time between two reads of a feed.
    private static let eventPace: Duration = .seconds(1)

    /// Tells what has happened to operations, to clients of DHCP servers, and to the cluster, lately, and, on demand,
    /// what happens from then on, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - choice: The events that are told.
    ///   - since: How far back to begin.
    ///   - follows: Whether to go on.
    ///   - tell: Is given each look's events, in order, and whether all of them were found.
    /// - Throws: `ClusterOpsError` when the database cannot be read, and what `tell` throws.
    package func events(
        _ choice: EventChoice = .all,
        since: Duration,
        follows: Bool,
        tell: ([EventView], _ isComplete: Bool) throws -> Void
    ) async throws {
        let begin = try await read { try OperationStatements.now(on: $0) }
        var feed = EventFeed(
            since: Timestamp(microseconds: begin.microseconds - since.wholeMicroseconds),
            of: choice
        )
        var from = Timestamp(microseconds: begin.microseconds - since.wholeMicroseconds)
        repeat {
            let (start, limit) = (from, EventStatements.mostFound)
            let (operations, networks, changes, now, isComplete) = try await snapshot { session in
                let now = try OperationStatements.now(on: session)
                let ids = choice.hasOperations ? try EventStatements.touched(since: start, on: session) : []
                let found = try ids.inLists { try OperationStatements.shown($0, on: session).operations }
                let networks = choice.hasDHCP ? try NetworkEventStatements.events(since: start, on: session) : []
                let changes = try AuditStatements.events(
                    AuditStatements.Choice(since: start, kinds: choice.changes, subject: choice.subject),
                    on: session
                )
                let isComplete =
                    ids.count < limit && networks.count < NetworkEventStatements.mostFound
                    && changes.count < AuditStatements.mostFound
                return (found, networks, changes, now, isComplete)
            }
            try tell(feed.take(operations, networks, changes, now: now), isComplete)
            from = Timestamp(microseconds: now.microseconds - EventFeed.overlap.wholeMicroseconds)
            if follows { try await Task.sleep(for: Self.eventPace) }
        } while follows
    }
}
