/// A purpose that a node serves; a node may serve both.
package enum NodeRole: String, Sendable, Hashable, Codable, CaseIterable {
    /// It hosts guests.
    case hypervisor
    /// It may be elected to serve DHCP, DNS and routing.
    case network
}

/// The readiness of a node to take new work.
package enum NodeState: String, Sendable, Hashable, Codable, CaseIterable {
    case active
    /// It finishes what it runs and takes nothing new.
    case draining
}
