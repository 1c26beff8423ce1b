import ClusterModel

/// The node's ends of the legs into the networks' namespaces.
extension NamespaceReconciler {
    /// The VNIs of which this node has a leg or a namespace.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func present() async throws -> Set<VNI> {
        Set(try await links().keys.compactMap(Self.vni(ofLeg:))).union(try names().map(\.vni))
    }

    /// Takes all legs of this node down, and reads back: for a node that nobody guards any more.
    ///
    /// - Throws: ``LegsStayUp`` when some are not down, and ``NetlinkError`` when the node's devices cannot be read.
    package func lowerLegs() async throws {
        let legs = try await raisedLegs()
        let complaint = try await batch(legs.map { "link set dev \($0) down" }, in: namespace)
        guard !legs.isEmpty else { return }
        let left = try await raisedLegs()
        guard left.isEmpty else { throw LegsStayUp(legs: left, complaint: complaint) }
    }

    private func raisedLegs() async throws -> [String] {
        try await links().values.filter { $0.isUp && Self.vni(ofLeg: $0.name) != nil }.map(\.name).sorted()
    }

    private static func vni(ofLeg device: String) -> VNI? {
        LegName(deviceName: device)?.vni ?? ExternalLegName(deviceName: device)?.vni
    }
}

/// Legs that are up after they were taken down: what is inside of the namespaces can be heard where no gate drops it.
package struct LegsStayUp: Error, Sendable, CustomStringConvertible {
    /// Legs that are named; the others are counted.
    private static let named = 3

    package let legs: [String]
    let complaint: String

    package var description: String {
        let names = legs.prefix(Self.named).joined(separator: ", ")
        let rest = legs.count > Self.named ? " and \(legs.count - Self.named) more" : ""
        let first = BatchComplaints.byLine(complaint).min { $0.key < $1.key }.map { ": \($0.value)" } ?? ""
        return "\(names)\(rest) could not be taken down\(first)"
    }
}
