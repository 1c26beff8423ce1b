/// A snapshot of how much of a pool is in use.
public struct PoolUse: Sendable, Hashable {
    /// Connections that callers hold, or are opening.
    public var lent = 0
    /// Connections that wait for callers.
    public var idle = 0
    /// Callers that wait for connections.
    public var waiting = 0
    /// Connections at most.
    public var maximum = 0
}
