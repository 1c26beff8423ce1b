import ClusterModel

/// The node's ends of the networks' gateway and external veths.
extension NamespaceReconciler {
    /// The VNIs of which this node has a veth or a namespace.
    ///
    /// - Throws: When one of them cannot be read: then nothing is known of any.
    func present() async throws -> Set<VNI> {
        Set(try await links().keys.compactMap(Self.vni(ofVeth:))).union(try names().map(\.vni))
    }

    /// Sets all veths of this node down, and reads back: for a node whose gate nothing repairs any more.
    ///
    /// - Throws: ``VethsStayUp`` when some are not down, and ``NetlinkError`` when the node's devices cannot be read.
    package func lowerVeths() async throws {
        let veths = try await raisedVeths()
        let complaint = try await batch(veths.map { "link set dev \($0) down" }, in: namespace)
        guard !veths.isEmpty else { return }
        let left = try await raisedVeths()
        guard left.isEmpty else { throw VethsStayUp(veths: left, complaint: complaint) }
    }

    private func raisedVeths() async throws -> [String] {
        try await links().values.filter { $0.isUp && Self.vni(ofVeth: $0.name) != nil }.map(\.name).sorted()
    }

    private static func vni(ofVeth device: String) -> VNI? {
        GatewayVethName(deviceName: device)?.vni ?? ExternalVethName(deviceName: device)?.vni
    }
}

/// Veths that are still up after they were set down: the networks can still receive frames from their namespaces.
package struct VethsStayUp: Error, Sendable, CustomStringConvertible {
    /// Veths that are named; the others are counted.
    private static let named = 3

    package let veths: [String]
    let complaint: String

    package var description: String {
        let names = veths.prefix(Self.named).joined(separator: ", ")
        let rest = veths.count > Self.named ? " and \(veths.count - Self.named) more" : ""
        let first = BatchComplaints.byLine(complaint).min { $0.key < $1.key }.map { ": \($0.value)" } ?? ""
        return "\(names)\(rest) could not be taken down\(first)"
    }
}
