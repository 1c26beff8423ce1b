import ClusterModel

/// Where workers are woken.
public struct DoorbellSettings: Sendable, Hashable {
    /// Where to listen; none means the node's underlay address and any free port.
    public var listen: HostPort?
    /// What to tell the others; none means the address that listening gave.
    public var advertise: HostPort?

    /// Listens at the node's underlay address, on any free port.
    public init() {}
}
