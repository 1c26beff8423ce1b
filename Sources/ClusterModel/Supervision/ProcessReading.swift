/// A daemon's reading of one process that it supervises, at one moment.
package struct ProcessReading: Sendable, Hashable {
    /// The state of a process.
    package enum State: String, Sendable, Hashable, Codable {
        case running, starting, stopped, failed
    }

    /// The health of a process: whether it does what it is for.
    package enum Health: Sendable, Hashable {
        case healthy
        case unhealthy(String)
        case unknown
    }

    /// Its name, unique on its node.
    package let service: String
    package let state: State
    package let pid: Int?
    /// The number of times that it was started again after it had died.
    package let restarts: Int
    /// Resident memory, of its descendants too.
    package let memoryBytes: UInt64?
    /// Processor time since its start, of its descendants too.
    package let processorTime: Duration?
    package let health: Health

    package init(
        service: String,
        state: State,
        pid: Int? = nil,
        restarts: Int = 0,
        memoryBytes: UInt64? = nil,
        processorTime: Duration? = nil,
        health: Health
    ) {
        precondition(state != .running || pid != nil, "what runs has a process id")
        self.service = service
        self.state = state
        self.pid = pid
        self.restarts = restarts
        self.memoryBytes = memoryBytes
        self.processorTime = processorTime
        self.health = health
    }
}
