/// What a node is for; a node may be for both.
package enum NodeRole: String, Sendable, Hashable, Codable, CaseIterable {
    /// It hosts guests.
    case hypervisor
    /// It may be elected to serve DHCP, DNS and routing.
    case network
}

/// Whether a node takes new work.
package enum NodeState: String, Sendable, Hashable, Codable, CaseIterable {
    case active
    /// It finishes what it runs and takes nothing new.
    case draining
}
