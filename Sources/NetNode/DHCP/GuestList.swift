import ClusterModel
import ClusterStore

/// The guests of a network that can be served together, and why the others cannot; pure.
///
/// The schema and the inventory allow no others. This is for rows that bypassed both: one of them must neither take the
/// network from the rest, nor get into a file that a server reads.
struct GuestList {
    private(set) var hosts: [ServerWanted.Host] = []
    private(set) var objections: [String] = []
    private let cidr: CIDR
    private let vni: VNI
    private var macs: Set<MACAddress> = []
    private var names: Set<HostName> = []

    init(cidr: CIDR, vni: VNI) {
        self.cidr = cidr
        self.vni = vni
    }

    /// Adds a guest, or the reason why it is left out.
    mutating func add(_ row: ServerStatements.Row) {
        if let reason = row.unreadable?.reason { return object(to: row, reason) }
        guard let guest = row.guest else { return }
        if let reason = objection(to: guest) { return object(to: row, reason) }
        macs.insert(guest.mac)
        names.insert(guest.hostname)
        hosts.append(guest)
    }

    private func objection(to guest: ServerWanted.Host) -> String? {
        if !cidr.contains(guest.address) { return "address \(guest.address) lies outside of \(cidr)" }
        if let role = cidr.role(of: guest.address) { return "address \(guest.address) is reserved: it is \(role)" }
        if let role = guest.mac.role(in: vni) { return "MAC address \(guest.mac) is reserved: it is \(role)" }
        if macs.contains(guest.mac) { return "MAC address \(guest.mac) is another interface's too" }
        if names.contains(guest.hostname) { return "host name '\(guest.hostname)' is another interface's too" }
        return nil
    }

    private mutating func object(to row: ServerStatements.Row, _ reason: String) {
        objections.append("interface \(row.interface.map { "\($0)" } ?? "without id"): \(reason)")
    }
}
