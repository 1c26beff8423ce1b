import MariaDB

/// Runs the tasks of one claimed operation, one after the other, from the first.
struct OperationRun: Sendable {
    let claim: Claim
    let handlers: [any TaskHandler]
    let node: NodeName

    /// How long a handler may outlive its own timeout before its task is cancelled: the time to end a process group.
    static let graceBeyondTimeout: Duration = .seconds(15)

    /// Runs them all, or up to the first that does not succeed.
    func report() async -> AttemptReport {
        let operation = claim.operation
        if let deadline = operation.deadline, let started = operation.startedAt, started >= deadline { return .expired }
        var result: String?
        var done: Set<TaskName> = []
        for task in operation.tasks {
            guard let handler = handlers.first(where: { $0.definition.name == task }) else {
                return .failed(OperationFailure(code: "no_handler", message: "this worker cannot run '\(task)'"))
            }
            // What a coalescible task does twice it does once.
            if handler.definition.isCoalescible, !done.insert(task).inserted { continue }
            let attempt = Attempt(operation: operation, task: task, number: operation.failures + 1, node: node)
            switch await outcome(of: handler, attempt) {
            case .done(let output): result = output ?? result
            case .failed(let failure): return .failed(failure)
            case .tryLater: return .deferred
            case .interrupted: return .handedBack
            }
        }
        return .succeeded(result: result)
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
