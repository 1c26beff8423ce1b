import ClusterModel

/// The state of one network's namespace and its veth in the kernel.
package struct NamespaceActual: Sendable, Hashable {
    package typealias Interior = NamespaceInterior
    package typealias Gateway = NamespaceInterior.Gateway

    package var interior: Interior
    /// The device named `cogw{VNI}`, of whatever kind.
    package var veth: Link?

    package init(interior: Interior, veth: Link?) {
        self.interior = interior
        self.veth = veth
    }

    /// Reads one namespace; the node's devices have been read before, once for all.
    ///
    /// - Throws: ``NetlinkError`` when the kernel cannot be read.
    static func read(_ name: NamespaceName, links: [String: Link]) async throws -> Self {
        Self(
            interior: try await HostSurvey.interior(of: name),
            veth: links[GatewayVethName(name.vni).description]
        )
    }
}

extension HostSurvey {
    /// Returns the state of a network's namespace.
    package func namespace(_ vni: VNI) -> NamespaceActual {
        NamespaceActual(interior: insides[vni]?.interior ?? .absent, veth: links[GatewayVethName(vni).description])
    }
}
