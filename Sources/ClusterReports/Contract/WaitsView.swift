import ClusterModel
import DatabaseTime
import MariaDB

/// The waits of ended operations, each the `wait_seconds` of `op show`, as `queue waits` prints them.
package struct WaitsView: Codable, Sendable, Hashable {
    /// The oldest end among those looked at; null when nothing has ended.
    @NullWhenUnknown package var since: Timestamp?
    /// Ended operations that were looked at, the newest first.
    package let sampled: Int
    /// The greatest number of operations that are looked at.
    package let sampleLimit: Int
    /// A Boolean value that indicates whether that limit was reached: then there are older ones that were asked for and
    /// not looked at.
    package let capped: Bool
    /// By lane, the best first.
    package let lanes: [LaneWaits]
    /// By task; an operation of several tasks counts for each.
    package let tasks: [TaskWaits]

    private enum CodingKeys: String, CodingKey {
        case since, sampled, capped, lanes, tasks
        case sampleLimit = "sample_limit"
    }
}

/// The waits of a lane.
package struct LaneWaits: Codable, Sendable, Hashable {
    /// The lane.
    package let lane: Lane
    /// Of all that were started.
    package let all: Waits
    /// Of those whose command never said "try again later".
    package let undeferred: Waits
}

/// The waits of a task.
package struct TaskWaits: Codable, Sendable, Hashable {
    /// The task.
    package let task: TaskName
    /// Of all that were started.
    package let all: Waits
    /// Of those whose command never said "try again later".
    package let undeferred: Waits
}

/// Quantiles of waits in seconds; they are at most 1.1 % off, the longest is exact.
public struct Waits: Codable, Sendable, Hashable {
    /// The number of operations that were started.
    public let n: Int
    /// Half of them waited no longer.
    @NullWhenUnknown public var p50: Double?
    /// Nine in ten waited no longer.
    @NullWhenUnknown public var p90: Double?
    /// 99 in a hundred waited no longer.
    @NullWhenUnknown public var p99: Double?
    /// The longest wait.
    @NullWhenUnknown public var max: Double?
}
