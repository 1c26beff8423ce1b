import ClusterModel
import DatabaseTime
import Logging

extension AttemptReport {
    /// A word for metrics and logs.
    var word: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .deferred: "deferred"
        case .handedBack: "handed_back"
        case .nodeCannot: "node_cannot"
        case .reaped: "reaped"
        case .takenOver: "taken_over"
        case .expired: "expired"
        case .overran: "overran"
        }
    }

    /// Returns the level at which the end of an attempt is logged: warnings are for what is tried again, errors for
    /// what is not; `isLast` says that no attempt would follow a failure.
    func logLevel(isLast: Bool) -> Logger.Level {
        switch self {
        case .succeeded, .deferred: .info
        case .handedBack, .takenOver: .notice
        case .failed, .reaped: isLast ? .error : .warning
        case .nodeCannot: .warning
        case .expired, .overran: .error
        }
    }

    /// The code of the failure and its sentence; nil when nothing failed.
    var fault: (code: String, message: String)? {
        switch self {
        case .failed(let failure): (failure.code, failure.message)
        case .nodeCannot(let task, let reason): ("node_cannot", "'\(task)' cannot be started: \(reason)")
        case .expired: ("deadline_passed", "it was not started before its deadline")
        case .overran: ("deadline_passed", "it still ran at its deadline")
        case .succeeded, .deferred, .handedBack, .reaped, .takenOver: nil
        }
    }
}

/// The log line of an attempt that is over; every attempt has one, by its worker or by who found its worker dead.
struct AttemptEnd: Sendable, Hashable {
    let operation: OperationID
    let tasks: [TaskName]
    let report: AttemptReport
    /// A Boolean value that indicates whether the operation is over if the attempt has failed.
    let isLast: Bool
    /// The number that the command was given, and the number of the delivery.
    let attempt: Int
    let delivery: Int
    /// The worker's node.
    let node: NodeName?
    /// Unknown where the row could not be decoded.
    let runSeconds: Double?
    let waitSeconds: Double?

    /// Logs it.
    ///
    /// - Parameters:
    ///   - logger: The process's.
    ///   - more: What stands beside it in every line of the caller.
    func log(to logger: Logger, _ more: Logger.Metadata = [:]) {
        var metadata = more
        metadata["operation"] = "\(operation)"
        metadata["tasks"] = "\(tasks.map(\.description).joined(separator: " "))"
        metadata["outcome"] = "\(report.word)"
        metadata["attempt"] = .stringConvertible(attempt)
        metadata["delivery"] = .stringConvertible(delivery)
        metadata["node"] = node.map { "\($0)" }
        metadata["run_seconds"] = runSeconds.map { .stringConvertible($0) }
        metadata["wait_seconds"] = waitSeconds.map { .stringConvertible($0) }
        if let fault = report.fault {
            metadata["error_code"] = "\(fault.code)"
            metadata["error"] = "\(fault.message)"
        }
        let level = report.logLevel(isLast: isLast)
        logger.log(level: level, "attempt ended", metadata: metadata)
    }
}

extension AttemptEnd {
    /// Describes an attempt that this process has run.
    init(_ operation: Operation, _ report: AttemptReport, on node: NodeName, after duration: Duration) {
        self.init(
            operation: operation.id,
            tasks: operation.tasks,
            report: report,
            isLast: operation.failures + 1 >= operation.maximumAttempts,
            attempt: operation.failures + 1,
            delivery: operation.deliveries,
            node: node,
            runSeconds: Double(duration.wholeMicroseconds) / 1_000_000,
            waitSeconds: operation.waitSeconds() ?? 0
        )
    }

    /// Describes an attempt that ended with its worker, as the row stood when that was found.
    init(_ standing: AttemptStanding, _ report: AttemptReport, endsOperation: Bool, now: Timestamp) {
        self.init(
            operation: standing.id,
            tasks: standing.tasks,
            report: report,
            isLast: endsOperation,
            attempt: standing.failures + 1,
            delivery: standing.deliveries,
            node: standing.worker.node,
            runSeconds: standing.startedAt.map { max(0, now.seconds(since: $0)) },
            waitSeconds: standing.startedAt.map { max(0, $0.seconds(since: standing.couldRunSince)) }
        )
    }
}
