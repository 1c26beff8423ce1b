import ClusterOpsTestKit
import FoundationEssentials

@testable import ClusterModel

/// Sessions in a ring that renew, read those that follow them, and mark dead, in milliseconds of a clock of its own.
///
/// None of them has work, so that all are at rest where the ring is large. A session that is killed does nothing any
/// more; one that is paused does nothing until the pause is over. Looks and marks are as the store makes them: a mark
/// names the counter that was seen.
struct RingSimulation {
    static let lease = 10_000
    static let renew = 2000
    /// By which a renewal comes late.
    static let jitter = 50

    private struct Member {
        let id: SessionID
        var renewals: UInt64 = 0
        var renewedAt: Int
        var watch = ReaperWatch()
        var pace: RestPace
        var pausedUntil = 0
        var isGone = false
    }

    /// The next step of a member: a renewal with its look, or a look at the end of a silence.
    private struct Event: Comparable {
        let at: Int
        let member: SessionID
        let isRenewal: Bool

        static func < (one: Event, other: Event) -> Bool { one.at < other.at }
    }

    private let start = ContinuousClock.now
    private var random: SeededGenerator
    private var members: [SessionID: Member] = [:]
    /// The rows that are not marked dead, in order.
    private(set) var ring: [SessionID] = []
    private var events: [Event] = []
    private(set) var now = 0
    /// The moment at which each of those that were killed was marked dead.
    private(set) var noticed: [SessionID: Int] = [:]
    /// Those that were marked although they had renewed within a lease.
    private(set) var wronged: [SessionID] = []
    /// Renewals, looks, and the rows that these have read.
    private(set) var renewals = 0
    private(set) var looks = 0
    private(set) var rows = 0
    private(set) var widest = 0

    init(sessions: Int, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<sessions { join() }
    }

    @discardableResult
    mutating func join() -> SessionID {
        let id = makeID()
        let timing = SessionLease.Timing(lease: .milliseconds(Self.lease), renew: .milliseconds(Self.renew))
        let phase = Int.random(in: 0..<RestPace.intervalsOfLook, using: &random)
        members[id] = Member(id: id, renewedAt: now, pace: RestPace(timing, phase: phase))
        ring.insert(id, at: index(of: id.place))
        schedule(Event(at: now + .random(in: 0...Self.renew, using: &random), member: id, isRenewal: true))
        return id
    }

    /// Returns a random id that follows from the seed.
    private mutating func makeID() -> SessionID {
        var bits = UInt128.random(in: .min ... .max, using: &random)
        return withUnsafeBytes(of: &bits) { SessionID(rawValue: $0.loadUnaligned(as: UUID.self)) }
    }

    mutating func leave(_ id: SessionID) {
        members[id]?.isGone = true
        remove(id)
    }

    mutating func kill(_ ids: some Sequence<SessionID>) {
        for id in ids { members[id]?.isGone = true }
    }

    mutating func pause(_ id: SessionID, for milliseconds: Int) {
        members[id]?.pausedUntil = now + milliseconds
    }

    /// Returns as many that follow each other in the ring, from a random one on.
    mutating func run(of count: Int) -> [SessionID] {
        let first = Int.random(in: 0..<ring.count, using: &random)
        return (0..<count).map { ring[(first + $0) % ring.count] }
    }

    /// Returns a random one of those that live.
    mutating func someone() -> SessionID? {
        ring.filter { members[$0]?.isGone == false }.randomElement(using: &random)
    }

    mutating func pass(milliseconds: Int) {
        let end = now + milliseconds
        while let event = events.last, event.at <= end {
            events.removeLast()
            now = event.at
            handle(event)
        }
        now = end
    }

    mutating func forgetCosts() { (renewals, looks, rows, widest) = (0, 0, 0, 0) }

    // MARK: Events

    private mutating func schedule(_ event: Event) {
        // Sorted from the last to the first.
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle] > event { low = middle + 1 } else { high = middle }
        }
        events.insert(event, at: low)
    }

    private mutating func handle(_ event: Event) {
        guard var member = members[event.member], !member.isGone else { return }
        guard member.pausedUntil <= now else {
            return schedule(Event(at: member.pausedUntil, member: member.id, isRenewal: event.isRenewal))
        }
        if event.isRenewal {
            guard isInRing(member.id) else {
                // Marked dead in a long pause.
                members[member.id]?.isGone = true
                return
            }
            let next = now + Self.renew + .random(in: 0...Self.jitter, using: &random)
            schedule(Event(at: next, member: member.id, isRenewal: true))
            let turn = member.pace.next(isAtRest: member.watch.allowsRest)
            if turn != .nothing {
                renewals += 1
                member.renewals += 1
                member.renewedAt = now
            }
            members[member.id] = member
            guard case .look = turn else { return }
        }
        member.watch.adapt(to: member.id)
        members[member.id] = member
        repeat { look(&member.watch, from: member.id) } while member.watch.readsOn
        members[member.id]?.watch = member.watch
        if event.isRenewal, let death = member.watch.nextDeath.map({ Int(($0 - start) / .milliseconds(1)) }),
            death - now < Self.renew
        {
            schedule(Event(at: max(now, death), member: member.id, isRenewal: false))
        }
    }

    private mutating func look(_ watch: inout ReaperWatch, from id: SessionID) {
        let reading = watch.reading
        let window = window(reading, after: id)
        looks += 1
        rows += window.sightings.count
        widest = max(widest, window.sightings.count)
        let time = start + .milliseconds(now)
        for dead in watch.observe(window, askedAt: time, answeredAt: time) {
            let seen = window.sightings.first { $0.session == dead }?.renewals
            guard let row = members[dead], isInRing(dead), row.renewals == seen else { continue }
            if now - row.renewedAt < Self.lease { wronged.append(dead) }
            noticed[dead] = now
            remove(dead)
        }
    }

    private func window(_ reading: RingReading, after id: SessionID) -> ReaperWatch.Window {
        func sightings(_ ids: some Sequence<SessionID>) -> [ReaperWatch.Sighting] {
            ids.prefix(reading.width).compactMap { members[$0] }.map {
                .init(session: $0.id, renewals: $0.renewals, lease: .milliseconds(Self.lease))
            }
        }
        let (own, next) = (index(of: id.place), index(of: id.place + 1))
        return .init(
            reading,
            following: sightings(ring[next...]),
            wrapped: reading.wraps ? sightings(ring[..<own]) : []
        )
    }

    // MARK: Places

    /// Returns where the first of the ring stands whose place is not before a given one.
    private func index(of place: Int) -> Int {
        var (low, high) = (0, ring.count)
        while low < high {
            let middle = (low + high) / 2
            if ring[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func isInRing(_ id: SessionID) -> Bool {
        let index = index(of: id.place)
        return index < ring.count && ring[index] == id
    }

    private mutating func remove(_ id: SessionID) {
        if isInRing(id) { ring.remove(at: index(of: id.place)) }
    }
}
