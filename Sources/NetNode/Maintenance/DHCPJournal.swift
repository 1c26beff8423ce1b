import ClusterModel
import ClusterStore

/// The events of a node's DHCP servers between their logs and the database; pure.
struct DHCPJournal: Sendable {
    /// Events that wait for the database: while it is away the newest are lost beyond this.
    static let mostPending = 1000
    /// The age after which an event is written down no more.
    static let longestPending: Duration = .seconds(3600)

    /// An event that is to be written down.
    struct Pending: Sendable, Hashable {
        let network: NetworkID
        let name: NetworkName
        let event: DHCPEvent
        let at: ContinuousClock.Instant
    }

    private var limiter = DHCPEventLimiter()
    private var declined: [VNI: DeclinedAddresses] = [:]
    private(set) var pending: [Pending] = []
    /// The networks whose leases may have changed since they were last read.
    private var changed: Set<VNI> = []

    /// Takes note of what a server has logged.
    ///
    /// - Parameters:
    ///   - news: of one server.
    ///   - isServing: whether this node is elected. Guests' broadcasts come to the servers of the others too, whose
    ///     answers nobody hears: of those a decline is all that counts.
    ///   - now: the time of it.
    /// - Returns: The events that are to be told.
    mutating func note(
        _ news: NetworkServer.News,
        isServing: Bool,
        at now: ContinuousClock.Instant
    ) -> [DHCPEvent] {
        let (wanted, vni) = (news.wanted, news.wanted.vni)
        for event in news.events {
            declined[vni, default: DeclinedAddresses()].note(event, hosts: wanted.hosts, probe: news.probe, at: now)
        }
        guard isServing else { return [] }
        if news.unread > 0 || news.events.contains(where: { $0.kind != .offer && $0.mac != news.probe }) {
            changed.insert(vni)
        }
        limiter.leaveOut(news.unread, of: vni, at: now)
        let told = news.events.filter { $0.mac != news.probe && limiter.admits($0, of: vni, at: now) }
        for event in told where event.kind.isNotable && pending.count < Self.mostPending {
            pending.append(Pending(network: wanted.id, name: wanted.name, event: event, at: now))
        }
        return told
    }

    /// Returns the networks whose servers are to read their hosts again now; to be followed by doing so.
    mutating func takeReloads(at now: ContinuousClock.Instant) -> Set<VNI> {
        var due: Set<VNI> = []
        for vni in declined.keys where declined[vni]?.takeReload(at: now) == true { due.insert(vni) }
        return due
    }

    /// Ends the limiter's intervals that are over; see ``DHCPEventLimiter/endIntervals(at:)``.
    mutating func endIntervals(at now: ContinuousClock.Instant) -> [VNI: Int] { limiter.endIntervals(at: now) }

    /// Returns the problem that the declines of a network's guests are; nil when there is none.
    mutating func problem(of wanted: ServerWanted, at now: ContinuousClock.Instant) -> String? {
        declined[wanted.vni]?.problem(among: wanted.hosts, at: now)
    }

    // MARK: Writing down

    /// Takes the networks whose leases are to be read.
    mutating func takeChanged() -> Set<VNI> {
        defer { changed = [] }
        return changed
    }

    /// Has the leases of networks read the next time.
    mutating func noteChanged(_ vnis: some Sequence<VNI>) { changed.formUnion(vnis) }

    /// Drops events that are written down, or too old to be.
    mutating func drop(_ written: [Pending], at now: ContinuousClock.Instant) {
        let written = Set(written)
        pending.removeAll { written.contains($0) || now - $0.at > Self.longestPending }
    }

    /// Forgets what only an elected node writes down.
    mutating func standDown() { (pending, changed) = ([], []) }
}
