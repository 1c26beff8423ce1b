/// The choice among `database.hosts`, as a value: which is tried first, which rests, which connections are kept.
///
/// The rule is the same for every client and needs no talk between them: of the hosts that serve, the first in the
/// list. A host that failed is tried last for a while, so that one that hangs is waited for once and not by everybody.
struct HostChoice: Sendable {
    /// The time for which a host rests after a failure; it doubles with each that follows soon.
    ///
    /// All processes are to be back on a host within 30 s after it serves again.
    static let firstRest: Duration = .seconds(5)
    static let longestRest: Duration = .seconds(20)
    /// A failure that is older than that counts no more.
    static let memory: Duration = .seconds(60)

    private struct Health {
        var failures = 0
        var failedAt: ContinuousClock.Instant?
        /// The connections to it may wait for answers that never come.
        var hangs = false
        var restsUntil: ContinuousClock.Instant?
        /// A caller tries it while others are told that it rests.
        var isTried = false
    }

    /// The position of the host that connections are kept to; nil before the first serves, and after it failed.
    private(set) var current: Int?
    private var hosts: [Health]

    init(count: Int) {
        precondition(count > 0)
        hosts = Array(repeating: Health(), count: count)
    }

    /// A Boolean value that indicates whether there is a choice at all.
    var hasOthers: Bool { hosts.count > 1 }

    /// The positions of all hosts in the order in which they are tried.
    func order(at now: ContinuousClock.Instant) -> [Int] {
        let rested = hosts.indices.filter { !rests($0, at: now) }
        return rested + hosts.indices.filter { rests($0, at: now) }
    }

    /// Returns whether connections to a host are lent again: always without a choice, for then each connection stands
    /// for itself.
    func keeps(_ host: Int) -> Bool {
        !hasOthers || host == current
    }

    /// Takes note that a host was found to serve; new connections lead there, and others are not lent again.
    ///
    /// - Returns: The hosts whose connections are to be cut, because nothing is to be expected of them.
    mutating func serves(_ host: Int) -> [Int] {
        hosts[host].restsUntil = nil
        hosts[host].isTried = false
        hosts[host].hangs = false
        current = host
        let hanging = hosts.indices.filter { hosts[$0].hangs }
        for host in hanging { hosts[host].hangs = false }
        return hanging
    }

    /// Takes note that a host does not serve.
    ///
    /// - Parameters:
    ///   - host: Its position.
    ///   - hangs: Whether it has not answered at all.
    ///   - now: The present.
    mutating func failed(_ host: Int, hangs: Bool, at now: ContinuousClock.Instant) {
        guard hasOthers else { return }
        hosts[host].hangs = hosts[host].hangs || hangs
        if current == host { current = nil }
        // Many connections may find out the same; that is one failure.
        guard !rests(host, at: now) || hosts[host].isTried else { return }
        hosts[host].isTried = false
        let isRecent = hosts[host].failedAt.map { now - $0 < Self.memory } ?? false
        hosts[host].failures = isRecent ? hosts[host].failures + 1 : 1
        hosts[host].failedAt = now
        let rest = min(Self.longestRest, Self.firstRest * (1 << min(hosts[host].failures - 1, 8)))
        hosts[host].restsUntil = now + rest
    }

    /// Returns the hosts that go before the current one and have rested, for one caller to look whether they serve
    /// again; nobody else is told to meanwhile.
    mutating func takeLook(at now: ContinuousClock.Instant) -> [Int] {
        guard let current else { return [] }
        let better = (0..<current).filter { !rests($0, at: now) }
        for host in better {
            hosts[host].restsUntil = now + Self.firstRest
            hosts[host].isTried = true
        }
        return better
    }

    private func rests(_ host: Int, at now: ContinuousClock.Instant) -> Bool {
        hosts[host].restsUntil.map { now < $0 } ?? false
    }
}
