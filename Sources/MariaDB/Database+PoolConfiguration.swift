extension Database {
    /// The settings for how a pool grows and waits.
    public struct PoolConfiguration: Sendable {
        /// Connections at most; each has a thread.
        public var maximumConnections = 8
        /// The time for which a caller waits for a connection when all are lent.
        public var acquireTimeout: Duration = .seconds(10)
        /// Callers that may wait at once; more are refused at once rather than late.
        public var maximumWaiters = 1000
        /// Idle connections are closed after this; well below `wait_timeout`, after which the server would.
        public var idleTimeout: Duration = .seconds(120)
        /// A connection idle for longer is asked for a sign of life before it is lent (about 50 µs on a socket), so
        /// that a restart of the server is not felt by callers whose statements cannot be repeated.
        public var pingAfter: Duration = .seconds(1)

        /// Creates the defaults.
        public init() {}
    }
}
