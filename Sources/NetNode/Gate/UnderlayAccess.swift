import ClusterModel

/// The machines of the underlay whose VXLAN datagrams a node takes, and where they come in.
package struct UnderlayAccess: Sendable, Hashable {
    /// The port of RFC 7348.
    package static let port = 4789

    /// The device that carries the mesh; nil is the one that has the underlay address.
    package let interface: LinkName?
    /// The underlay addresses of the nodes that share a network with this one.
    package var nodes: Set<IPv4Address> = []
    /// The underlay addresses of this node.
    package var local: Set<IPv4Address> = []

    package init(interface: LinkName?, nodes: Set<IPv4Address> = [], local: Set<IPv4Address> = []) {
        (self.interface, self.nodes, self.local) = (interface, nodes, local)
    }
}
