import ClusterModel

/// The addresses at which workers are woken.
public struct DoorbellSettings: Sendable, Hashable {
    /// The address to listen at; none means the node's underlay address and any free port.
    public var listen: HostPort?
    /// The address to tell the others; none means the address that listening gave.
    public var advertise: HostPort?

    /// Listens at the node's underlay address, on any free port.
    public init() {}
}
