import ClusterModel

/// The state of the mesh in the kernel: the devices that bear our names, and the static entries of the VXLAN ones.
package struct MeshActual: Sendable, Hashable {
    /// Devices named `cobr{VNI}`, of whatever kind.
    package var bridges: [VNI: Link]
    /// Devices named `covx{VNI}`, of whatever kind.
    package var tunnels: [VNI: Link]
    /// The static entries of those that are VXLAN devices.
    package var entries: [VNI: Set<ForwardingEntry>]

    package init(
        bridges: [VNI: Link] = [:],
        tunnels: [VNI: Link] = [:],
        entries: [VNI: Set<ForwardingEntry>] = [:]
    ) {
        self.bridges = bridges
        self.tunnels = tunnels
        self.entries = entries
    }

    package init(_ links: some Sequence<Link>, entries: [VNI: Set<ForwardingEntry>]) {
        self.init(entries: entries)
        for link in links {
            if let name = BridgeName(deviceName: link.name) { bridges[name.vni] = link }
            if let name = TunnelName(deviceName: link.name) { tunnels[name.vni] = link }
        }
    }
}

extension HostSurvey {
    /// The state of the mesh, with no rows of networks whose rows were not asked for.
    package var mesh: MeshActual { MeshActual(links.values, entries: entries) }
}
