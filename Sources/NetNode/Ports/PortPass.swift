import ClusterModel

/// The outcome of a pass over the ports of some networks.
package struct PortPass: Sendable, Hashable {
    /// The changes that were asked of the kernel, beside those of the table.
    package var changes: [PortChange] = []
    /// A Boolean value that indicates whether the table of ports was made anew.
    package var madeTable = false
    /// A description, for people, of what is wrong after it, by network; an isolated port is not.
    package var trouble: [VNI: String] = [:]
    /// A description of the ports of each network that are isolated, and of the interfaces that cannot be read.
    package var objections: [VNI: String] = [:]
    /// The networks of which something had changed that earlier passes had brought about.
    package var drifted: Set<VNI> = []

    /// Objections that are named; the others are counted.
    private static let named = 3

    /// Returns what is to be said of the ports of a network; nil when that is nothing.
    static func objection(to strangers: [PortMatching.Stranger], _ others: [String]) -> String? {
        let all = strangers.map { "port '\($0.device)' is isolated: \($0.reason)" } + others
        guard !all.isEmpty else { return nil }
        let rest = all.count - named
        return (all.prefix(named) + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: ". ")
    }

    /// Takes over the outcome of a later pass over some of the networks.
    package mutating func merge(_ later: PortPass) {
        changes += later.changes
        madeTable = madeTable || later.madeTable
        trouble.merge(later.trouble) { $1 }
        objections.merge(later.objections) { $1 }
        drifted.formUnion(later.drifted)
    }
}
