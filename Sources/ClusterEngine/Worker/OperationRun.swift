import ClusterModel
import MariaDB

/// Runs the tasks of one claimed operation, one after the other, from the first.
struct OperationRun: Sendable {
    let claim: Claim
    let handlers: [any TaskHandler]
    let node: NodeName
    /// Asked for when somebody cancels the operation.
    let interruption: Interruption
    /// Told of the commands that run.
    var output = AttemptOutput()
    /// The time by which a handler may outlive its own timeout before its task is cancelled: the time to end a process
    /// group.
    var graceBeyondTimeout: Duration = .seconds(15)

    /// The outcome of an attempt.
    struct Result: Sendable {
        let report: AttemptReport
        /// The number of the tasks, from the first, that were done.
        let completedTasks: Int
    }

    /// Runs them all, or up to the first that does not succeed, to an interruption, or to the deadline.
    ///
    /// It returns when nothing runs any more; what had succeeded by then has succeeded.
    func run() async -> Result {
        let left = timeLeft
        if let left, left <= .zero { return Result(report: .expired, completedTasks: 0) }
        let limits = RunLimits(deadline: left.map { .now + $0 })
        return await withTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { limits.finish() }
                return await self.runTasks(limits)
            }
            group.addTask {
                while await self.interruption.wait(until: limits.next), !limits.check() {}
                return nil
            }
            var result = Result(report: .handedBack, completedTasks: 0)
            while let ended = await group.next() {
                if let ended { result = ended }
                group.cancelAll()
            }
            if case .succeeded = result.report { return result }
            return limits.isPastDeadline ? Result(report: .overran, completedTasks: result.completedTasks) : result
        }
    }

    /// The time that the database's clock left until the deadline when the operation was started; then it is our own
    /// clock that runs.
    private var timeLeft: Duration? {
        guard let deadline = claim.operation.deadline, let started = claim.operation.startedAt else { return nil }
        return .microseconds(deadline.microseconds - started.microseconds)
    }

    private func runTasks(_ limits: RunLimits) async -> Result {
        let operation = claim.operation
        var (result, omitted): (String?, String?)
        var done: Set<TaskName> = []
        for (index, task) in operation.tasks.enumerated() {
            func over(_ report: AttemptReport) -> Result { Result(report: report, completedTasks: index) }
            guard let handler = handlers.first(where: { $0.definition.name == task }) else {
                return over(.failed(OperationFailure(code: "no_handler", message: "this worker cannot run '\(task)'")))
            }
            if Task.isCancelled { return over(.handedBack) }
            // What a coalescible task does twice it does once.
            if handler.definition.isCoalescible, !done.insert(task).inserted { continue }
            let attempt = Attempt(
                operation: operation,
                task: task,
                number: operation.failures + 1,
                node: node,
                prints: { self.output.add($0, at: index) }
            )
            switch await outcome(of: handler, attempt, limits) {
            case .done(let output):
                if let output { take(output, &result, &omitted) }
            case .doneWithoutResult(let reason): (result, omitted) = (nil, reason)
            case .failed(let failure): return over(.failed(failure))
            case .tryLater: return over(.deferred)
            case .nodeCannot(let reason): return over(.nodeCannot(task, reason: reason))
            case .interrupted: return over(.handedBack)
            }
        }
        return Result(report: .succeeded(result: result, omitted: omitted), completedTasks: operation.tasks.count)
    }

    /// The last task that gave a result gives the operation's; one that cannot be kept is as good as none, and noted.
    ///
    /// Handlers of a program that embeds the library are held to the same limits as commands.
    private func take(_ output: String, _ result: inout String?, _ omitted: inout String?) {
        do throws(JSONError) {
            _ = try JSONValue(parsing: output, limits: .result)
            (result, omitted) = (output, nil)
        } catch {
            (result, omitted) = (nil, error.reason)
        }
    }

    /// Runs one task to its end, also when it takes longer than it may: nothing of it may run on.
    private func outcome(of handler: any TaskHandler, _ attempt: Attempt, _ limits: RunLimits) async -> TaskOutcome {
        if limits.begin(handler.definition.timeout + graceBeyondTimeout) { interruption.reconsider() }
        let outcome = await handler.run(attempt)
        guard limits.end() else { return outcome }
        let message = "'\(attempt.task)' took longer than \(handler.definition.timeout)"
        return .failed(OperationFailure(code: "timed_out", message: message))
    }
}
