import ClusterModel

/// The choice of the DHCP events that are told, of each kind and client once in an interval; pure.
///
/// Guests choose how many there are: each network has a bound on its own, and takes nothing from the others.
struct DHCPEventLimiter: Sendable {
    /// The interval, from a network's first event on.
    static let interval: Duration = .seconds(60)
    /// Events of a network in an interval that say that something is wrong: such a guest asks each few seconds, and
    /// more than this many guests have one cause.
    static let mostNotable = 20
    /// The others: a guest renews every half an hour, and 1,000 may start together.
    static let mostOrdinary = 2000

    private struct Key: Hashable {
        let kind: DHCPEventKind
        let mac: MACAddress
    }

    private struct Window {
        let start: ContinuousClock.Instant
        var told: Set<Key> = []
        var notable = 0
        var leftOut = 0
    }

    private var windows: [VNI: Window] = [:]

    /// Returns whether an event is to be told; one like it was told already in this interval otherwise, or too many.
    mutating func admits(_ event: DHCPEvent, of vni: VNI, at now: ContinuousClock.Instant) -> Bool {
        var window = windows[vni] ?? Window(start: now)
        defer { windows[vni] = window }
        let key = Key(kind: event.kind, mac: event.mac)
        guard !window.told.contains(key) else { return false }
        let isFull =
            event.kind.isNotable
            ? window.notable >= Self.mostNotable : window.told.count - window.notable >= Self.mostOrdinary
        guard !isFull else {
            window.leftOut += 1
            return false
        }
        window.told.insert(key)
        window.notable += event.kind.isNotable ? 1 : 0
        return true
    }

    /// Counts lines that were not read.
    mutating func leaveOut(_ count: Int, of vni: VNI, at now: ContinuousClock.Instant) {
        guard count > 0 else { return }
        windows[vni, default: Window(start: now)].leftOut += count
    }

    /// Ends the intervals that are over.
    ///
    /// - Returns: The number of events that were left out in them for being too many, by network.
    mutating func endIntervals(at now: ContinuousClock.Instant) -> [VNI: Int] {
        let over = windows.filter { now - $0.value.start >= Self.interval }
        for vni in over.keys { windows[vni] = nil }
        return over.mapValues(\.leftOut).filter { $0.value > 0 }
    }
}
