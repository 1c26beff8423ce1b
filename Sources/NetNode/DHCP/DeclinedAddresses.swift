import ClusterModel
import ClusterStore

/// The guests of a network that have declined their addresses lately; pure.
///
/// dnsmasq offers such a guest nothing for ten minutes. That helps nobody, because each guest has one address: the
/// server is told to forget it at once.
struct DeclinedAddresses: Sendable {
    /// The time for which dnsmasq remembers a decline (`DECLINE_BACKOFF`): it is over by then in any case.
    static let longest: Duration = .seconds(600)
    /// The time without another decline after which a guest that was acknowledged is well: one that goes on finding its
    /// address in use asks again after 10 s (RFC 2131, 3.1, 5).
    static let calm: Duration = .seconds(60)
    /// The least time between two reloads, however many declines there are: one takes 0.2 s with 10,000 guests.
    static let leastBetweenReloads: Duration = .seconds(2)
    /// Guests that a problem names; the others are counted.
    private static let guestsNamed = 3

    private struct Decline {
        let mac: MACAddress
        var at: ContinuousClock.Instant
        var isAcknowledged = false
    }

    private var declines: [IPv4Address: Decline] = [:]
    private var isReloadWanted = false
    private var lastReload: ContinuousClock.Instant?

    /// Takes note of an event.
    ///
    /// - Parameters:
    ///   - event: of any kind.
    ///   - hosts: the guests that are served; a decline of another one is about nothing.
    ///   - probe: the MAC of the probe, whose decline has the server forget nobody but the probe.
    ///   - now: the time of it.
    mutating func note(
        _ event: DHCPEvent,
        hosts: [ServerWanted.Host],
        probe: MACAddress,
        at now: ContinuousClock.Instant
    ) {
        switch event.kind {
        case .decline:
            guard let address = event.address else { return }
            let isGuest = hosts.contains { $0.mac == event.mac && $0.address == address }
            if isGuest { declines[address] = Decline(mac: event.mac, at: now) }
            isReloadWanted = isReloadWanted || isGuest || event.mac == probe
        case .acknowledgement:
            guard let address = event.address, declines[address]?.mac == event.mac else { return }
            declines[address]?.isAcknowledged = true
        default: break
        }
    }

    /// Returns whether the server is to read its hosts again now; to be followed by doing so.
    mutating func takeReload(at now: ContinuousClock.Instant) -> Bool {
        guard isReloadWanted, lastReload.map({ now - $0 >= Self.leastBetweenReloads }) ?? true else { return false }
        (isReloadWanted, lastReload) = (false, now)
        return true
    }

    /// Ends what is over, and returns the problem that is left; nil when there is none.
    mutating func problem(among hosts: [ServerWanted.Host], at now: ContinuousClock.Instant) -> String? {
        let wanted = Set(hosts.map(\.address))
        declines = declines.filter { address, decline in
            let age = now - decline.at
            return wanted.contains(address) && age < (decline.isAcknowledged ? Self.calm : Self.longest)
        }
        guard !declines.isEmpty else { return nil }
        let all = declines.sorted { $0.key < $1.key }.map { "\($0.key) by \($0.value.mac)" }
        let rest = all.count - Self.guestsNamed
        return "declined as in use by another device: " + all.prefix(Self.guestsNamed).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
            + "; find the device of the network that has the address too, or the guest that forges DHCP messages"
    }
}
