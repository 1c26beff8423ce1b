import ChildProcess
import ClusterModel
import Glibc
import Synchronization

/// The commands that run now, for `service list`.
final class RunningCommands: Sendable {
    /// Keepers by the command's name as a service.
    private let keepers = Mutex<[String: pid_t]>([:])

    func add(_ service: String, keeper: pid_t) {
        keepers.withLock { $0[service] = keeper }
    }

    func remove(_ service: String) {
        keepers.withLock { _ = $0.removeValue(forKey: service) }
    }

    /// Reads `/proc` for each; the keeper itself, a copy of this process, is not counted.
    var readings: [ProcessReading] {
        keepers.withLock { $0 }.map { service, keeper in
            let command = ProcessUsage.children(of: keeper).first
            let usage = command.flatMap { ProcessUsage(of: $0) }
            return ProcessReading(
                service: service,
                // It is being started, or being reaped.
                state: usage == nil ? .starting : .running,
                pid: usage == nil ? nil : command.map(Int.init),
                memoryBytes: usage?.memoryBytes,
                processorTime: usage?.processorTime,
                health: usage == nil ? .unknown : .healthy
            )
        }
    }
}
