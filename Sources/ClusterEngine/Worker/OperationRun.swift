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

    /// The outcome of an attempt.
    struct Result: Sendable {
        let report: AttemptReport
        /// The number of the tasks, from the first, that were done.
        let completedTasks: Int
    }

    /// The time by which a handler may outlive its own timeout before its task is cancelled: the time to end a process
    /// group.
    static let graceBeyondTimeout: Duration = .seconds(15)

    private enum Event {
        case over(Result)
        case interrupted
        case timeIsUp
    }

    /// Runs them all, or up to the first that does not succeed, to an interruption, or to the deadline.
    ///
    /// It returns when nothing runs any more; what had succeeded by then has succeeded.
    func run() async -> Result {
        let left = timeLeft
        if let left, left <= .zero { return Result(report: .expired, completedTasks: 0) }
        return await withTaskGroup(of: Event.self) { group in
            group.addTask { .over(await self.runTasks()) }
            group.addTask {
                await self.interruption.wait()
                return .interrupted
            }
            if let left {
                group.addTask { (try? await Task.sleep(for: left)) == nil ? .interrupted : .timeIsUp }
            }
            var result = Result(report: .handedBack, completedTasks: 0)
            var (isOver, isOverdue) = (false, false)
            while let event = await group.next() {
                switch event {
                case .over(let own): (result, isOver) = (own, true)
                case .timeIsUp: isOverdue = isOverdue || !isOver
                case .interrupted: break
                }
                group.cancelAll()
            }
            if case .succeeded = result.report { return result }
            return isOverdue ? Result(report: .overran, completedTasks: result.completedTasks) : result
        }
    }

    /// The time that the database's clock left until the deadline when the operation was started; then it is our own
    /// clock that runs.
    private var timeLeft: Duration? {
        guard let deadline = claim.operation.deadline, let started = claim.operation.startedAt else { return nil }
        return .microseconds(deadline.microseconds - started.microseconds)
    }

    private func runTasks() async -> Result {
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
            switch await outcome(of: handler, attempt) {
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

    private func outcome(of handler: any TaskHandler, _ attempt: Attempt) async -> TaskOutcome {
        let limit = handler.definition.timeout + Self.graceBeyondTimeout
        return await withTaskGroup(of: TaskOutcome?.self) { group in
            group.addTask { await handler.run(attempt) }
            group.addTask {
                guard (try? await Task.sleep(for: limit)) != nil else { return nil }
                let message = "'\(attempt.task)' took longer than \(handler.definition.timeout)"
                return .failed(OperationFailure(code: "timed_out", message: message))
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // The handler has to end before its outcome counts: nothing of it may run on.
            let second = await group.next() ?? nil
            return first ?? second ?? .interrupted
        }
    }
}
