/// Turns readings into what is written down of them: processor time into a share, and who is no longer there; pure.
package struct ProcessSampler: Sendable {
    /// The record that is written down of one process.
    package struct Sample: Sendable, Hashable, Encodable {
        package let service: String
        package let state: ProcessReading.State
        package let pid: Int?
        package let restarts: Int
        package let memoryBytes: UInt64?
        /// Of one processor, since the sample before; nil for the first.
        package let cpuPercent: Double?
        package let health: String
        package let healthReason: String?

        private enum CodingKeys: String, CodingKey {
            case service, state, pid, restarts, health
            case memoryBytes = "memory_bytes"
            case cpuPercent = "cpu_percent"
            case healthReason = "health_reason"
        }
    }

    /// The same process at an earlier reading.
    private struct Earlier {
        let pid: Int?
        let processorTime: Duration?
        let at: SuspendingClock.Instant
    }

    private var earlier: [String: Earlier] = [:]
    /// The services of which the database may have rows.
    private var written: Set<String> = []

    package init() {
    }

    /// Takes the readings of one moment.
    ///
    /// - Returns: What is to be written, and the services whose rows are to go.
    package mutating func take(
        _ readings: [ProcessReading],
        at now: SuspendingClock.Instant
    ) -> (samples: [Sample], gone: [String]) {
        let samples = readings.map { sample($0, at: now) }
        earlier = Dictionary(
            readings.map { ($0.service, Earlier(pid: $0.pid, processorTime: $0.processorTime, at: now)) },
            uniquingKeysWith: { first, _ in first }
        )
        let names = Set(readings.map(\.service))
        let gone = written.subtracting(names).sorted()
        // Kept until it is known that they are gone: a write that failed is made up for by the next.
        written.formUnion(names)
        return (samples, gone)
    }

    /// Takes note that the rows of services are gone.
    package mutating func forgot(_ services: [String]) {
        written.subtract(services)
    }

    private func sample(_ reading: ProcessReading, at now: SuspendingClock.Instant) -> Sample {
        let health: (String, String?) =
            switch reading.health {
            case .healthy: ("healthy", nil)
            case .unhealthy(let reason): ("unhealthy", reason)
            case .unknown: ("unknown", nil)
            }
        return Sample(
            service: reading.service,
            state: reading.state,
            pid: reading.pid,
            restarts: reading.restarts,
            memoryBytes: reading.memoryBytes,
            cpuPercent: share(of: reading, at: now),
            health: health.0,
            healthReason: health.1
        )
    }

    private func share(of reading: ProcessReading, at now: SuspendingClock.Instant) -> Double? {
        guard let before = earlier[reading.service], before.pid == reading.pid, before.at < now,
            let used = reading.processorTime, let usedBefore = before.processorTime, used >= usedBefore
        else { return nil }
        return 100 * ((used - usedBefore) / (now - before.at))
    }
}
