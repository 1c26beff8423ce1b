import ClusterEngine
import ClusterModel

extension ConfigurationLoader {
    /// Reports values that parse each by itself and do not go together.
    mutating func checkSense() {
        let session = configuration.session
        check(
            ["session.lease", "session.renew"],
            session.lease >= session.renew * 3,
            // Two renewals may be lost before the third is too late.
            "expected a lease of at least three times session.renew, "
                + "found lease \(session.lease.text) and renew \(session.renew.text)"
        )
        let election = configuration.election
        check(
            ["election.fence", "election.renew", "election.lease"],
            election.renew < election.fence && election.fence < election.lease,
            // Fencing before the first renewal could never hold; fencing after the lease comes too late.
            "expected renew < fence < lease, found renew \(election.renew.text), fence \(election.fence.text) "
                + "and lease \(election.lease.text)"
        )
        check(
            ["election.fence", "election.lease"],
            // A fence beyond the lease was reported above.
            election.fence >= election.lease
                || election.lease - election.fence >= Configuration.Election.leastMargin,
            // What a holder began before its fence may be in force as much later.
            "expected election.lease at least \(Configuration.Election.leastMargin.text) above fence, found fence "
                + "\(election.fence.text) and lease \(election.lease.text)"
        )
        check(
            ["election.outage", "election.lease"],
            // Four fifths of it, less the time from fence to lease, have to be more than the fence.
            election.outage == .zero || election.outage * 2 >= election.lease * 3,
            "expected an outage of 0s or at least 1.5 times election.lease, found outage \(election.outage.text) "
                + "and lease \(election.lease.text)"
        )
        check(
            ["election.fence", "election.renew", "election.outage"],
            // Two renewals have to be missing before the first round can begin, and it has to end before the fence.
            election.outage == .zero || election.renew >= election.fence
                || election.fence >= election.renew * 2 + Configuration.Election.timeForRound,
            "expected, with election.outage, a fence of at least twice election.renew and "
                + "\(Configuration.Election.timeForRound.text), found fence \(election.fence.text) and renew "
                + election.renew.text
        )
        let tls = configuration.database.tls
        check(
            ["database.tls.ca_file", "database.tls.mode"],
            tls.caFile == nil || tls.mode == .verify,
            "expected database.tls.mode verify, which alone uses the file, found \(tls.mode.rawValue)"
        )
        let advertise = configuration.doorbell.advertise
        check(
            ["doorbell.advertise"],
            advertise?.port != 0 && advertise?.host != .address(IPv4Address(rawValue: 0)),
            "expected an address and a port that others can connect to, found \"\(advertise?.description ?? "")\""
        )
    }

    /// Reports at the first of the keys that was set; nothing, when one of them did not parse.
    private mutating func check(_ paths: [String], _ holds: Bool, _ message: @autoclosure () -> String) {
        guard areReadable(paths), !holds else { return }
        let path = paths.first { sources[$0] != nil } ?? paths[0]
        report(sources[path], path, message())
    }
}
