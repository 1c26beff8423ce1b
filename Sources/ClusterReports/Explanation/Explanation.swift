import ClusterModel
import ClusterStore
import MariaDB

/// Says why an operation stands where it does; pure.
struct Explanation {
    /// Dependencies that a sentence names; the list has them all.
    private static let mostNamed = 3

    /// Seconds by which the clocks of two servers may differ; `LeaseTime.tolerance`.
    private static let clockTolerance = 1.0

    private let facts: ExplanationFacts
    private var operation: Operation { facts.operation }
    private(set) var reasons: [ReasonView] = []

    init(_ facts: ExplanationFacts) {
        self.facts = facts
        if facts.isNodeGone { addRemovedNode() }
        switch facts.operation.state {
        case .blocked: addDependencies()
        case .queued: addWaiting()
        case .executing: addExecuting()
        case .folded: addFolded()
        case .complete: addComplete()
        case .error, .aborted, .cancelled: addBadEnd()
        }
        if !facts.operation.state.isTerminal { addDeadline() }
    }

    // MARK: Waiting

    private mutating func addRemovedNode() {
        let name = operation.node.map { "'\($0)' " } ?? ""
        reasons.append(
            ReasonView(
                .nodeRemoved,
                "its node \(name)was removed, and another node of the name does not run it: end it by 'clusterctl op cancel "
                    + "\(operation.id)', and enqueue it anew for a node that is there"
            )
        )
    }

    private mutating func addDependencies() {
        addEndedDependencies()
        let left = facts.dependencies.filter { $0.state?.isTerminal != true }
        guard !left.isEmpty || facts.dependencies.isEmpty else { return }
        let named = left.prefix(Self.mostNamed).map { dependency in
            let verb = dependency.mustComplete ? "must complete" : "must end"
            let state = dependency.state.map { "is \($0.rawValue)" } ?? "is nowhere: run 'clusterctl doctor'"
            return "\(dependency.id) \(verb) and \(state)"
        }
        let more = left.count > Self.mostNamed ? "; and \(left.count - Self.mostNamed) more" : ""
        let count = left.count == 1 ? "1 operation" : "\(left.count) operations"
        reasons.append(
            ReasonView(
                .dependenciesLeft,
                "it waits for \(count): \(named.joined(separator: "; "))\(more)",
                operations: left.map(\.id),
                since: operation.enqueuedAt,
                count: left.count
            )
        )
    }

    /// A Boolean value that indicates whether nothing is known that keeps a worker from taking it now; what remains
    /// is whether its row can be locked.
    var mayBeHeld: Bool { reasons.contains { [.ahead, .aboutToRun].contains($0.reason) } && reasons.count == 1 }

    /// Those that have ended, with so many dependents that workers go through them batch by batch.
    private mutating func addEndedDependencies() {
        let ended = facts.dependencies.filter { $0.state?.isTerminal == true }
        for dependency in ended.prefix(Self.mostNamed) {
            guard let state = dependency.state else { continue }
            let isAborted = dependency.mustComplete && state != .complete
            reasons.append(
                ReasonView(
                    .dependencyEnded,
                    "operation \(dependency.id), for which it waits, ended \(state.rawValue) with many dependents: workers go "
                        + "through them batch by batch, and \(isAborted ? "abort" : "release") this one",
                    operations: [dependency.id]
                )
            )
        }
    }

    private mutating func addWaiting() {
        addTime()
        if operation.deliveries >= ExplanationFacts.mostDeliveries {
            reasons.append(
                ReasonView(
                    .refused,
                    "no worker can take it: it was delivered \(operation.deliveries) times, and more are not counted; "
                        + "run 'clusterctl op cancel \(operation.id)'",
                    count: operation.deliveries
                )
            )
        }
        for pause in facts.pauses {
            reasons.append(
                ReasonView(
                    .paused,
                    "its queue is paused by the rule '\(pause.pattern)' of \(pause.requester): \(pause.reason)",
                    pattern: pause.pattern,
                    since: pause.pausedAt
                )
            )
        }
        if let holder = facts.holder {
            let place = holder.node.map { " on \($0)" } ?? ""
            reasons.append(
                ReasonView(
                    .targetBusy,
                    holder.isRunning
                        ? "its target is busy: operation \(holder.id) runs\(place)"
                        : "its target is held by operation \(holder.id), which does not run; workers free it soon",
                    operations: [holder.id],
                    since: holder.since
                )
            )
        }
        // Nobody will ever drain its queue for it, however many others go first.
        guard !facts.isNodeGone else { return }
        addWorkers()
        if facts.ahead > 0, operation.readyAt <= facts.now {
            let isCapped = facts.ahead >= ExplanationFacts.mostCounted
            let count =
                facts.ahead == 1 ? "1 operation goes" : "\(facts.ahead)\(isCapped ? " or more" : "") operations go"
            reasons.append(
                ReasonView(.ahead, "\(count) first, of its queue and of better lanes", count: facts.ahead)
            )
        }
        if facts.isHeld {
            reasons.append(
                ReasonView(
                    .locked,
                    "other transactions hold its row, such as enqueues of what depends on it: a worker waits for the row"
                )
            )
        }
        if reasons.isEmpty {
            reasons.append(
                ReasonView(
                    .aboutToRun,
                    "nothing keeps it: a worker takes it at its next look",
                    since: operation.readyAt
                )
            )
        }
    }

    private mutating func addTime() {
        guard operation.readyAt > facts.now else { return }
        // What was to run at once has no time to come, however little the clock was set back.
        if let setAt = facts.readySetAt,
            setAt.seconds(since: facts.now) > (operation.readyAt > setAt ? Self.clockTolerance : 0)
        {
            let seconds = Int(setAt.seconds(since: facts.now).rounded(.up))
            reasons.append(
                ReasonView(
                    .clockSetBack,
                    "the database's clock has been set back by at least \(seconds) s since it was queued: "
                        + "the next pass of a queueworker or netnode makes up for it",
                    until: operation.readyAt
                )
            )
            return
        }
        if let setAt = facts.readySetAt, setAt < operation.enqueuedAt, operation.attemptHistory.isEmpty {
            reasons.append(
                ReasonView(
                    .clockSetBack,
                    "the database's clock was set back since it was queued: what it was to wait counts anew from then",
                    until: operation.readyAt
                )
            )
            return
        }
        let why =
            switch operation.attemptHistory.last?.outcome {
            case .failed:
                "it rests after attempt \(operation.failures) of \(operation.maximumAttempts), which failed"
            case .deferred: "its command said \"try again later\", \(operation.deferCount) times so far"
            case .reaped, .handedBack, .takenOver, .nodeCannot, .unknown, nil: "its request asked for a delay"
            }
        reasons.append(ReasonView(.notBefore, why, until: operation.readyAt))
    }

    private mutating func addWorkers() {
        let workers = facts.workers
        let who =
            switch operation.queue.target {
            case .networkNode: "the elected netnode"
            case .nodeNetwork(let node): "netnode on \(node)"
            case .node(let node): "queueworker on \(node)"
            case .any: "queueworker on any node"
            }
        if case .networkNode = operation.queue.target, facts.leader == nil {
            reasons.append(
                ReasonView(.noLeader, "no network node is elected; see 'clusterctl leader show' and 'node list'")
            )
        } else if workers.living == 0 {
            reasons.append(ReasonView(.noWorker, "no live worker drains its queue: start \(who)", count: 0))
        } else if workers.active == 0 {
            reasons.append(
                ReasonView(
                    .draining,
                    "\(who) takes no new work: its node is being drained; see 'clusterctl node undrain'",
                    count: workers.living
                )
            )
        } else if workers.able == 0 {
            let tasks = operation.tasks.map { "'\($0)'" }.joined(separator: ", ")
            if let obstacle = facts.obstacles.first {
                let more = facts.obstacles.count > 1 ? " (and \(facts.obstacles.count - 1) more)" : ""
                reasons.append(
                    ReasonView(
                        .notRunnable,
                        "no live worker that drains its queue can start \(tasks) now: on \(obstacle.node) "
                            + "'\(obstacle.task)' cannot be started: \(obstacle.reason)\(more); see 'clusterctl doctor'",
                        since: obstacle.since,
                        count: workers.active
                    )
                )
                return
            }
            reasons.append(
                ReasonView(
                    .notRunnable,
                    "no live worker that drains its queue can run \(tasks): "
                        + "configure the task on its node and reload its queueworker (SIGHUP)",
                    count: workers.active
                )
            )
        } else if let slots = workers.slots, workers.free == 0 {
            let all = workers.able == 1 ? "the worker" : "the \(workers.able) workers"
            reasons.append(
                ReasonView(.workersBusy, "all \(slots) slots of \(all) that can run it are taken", count: workers.able)
            )
        }
    }

    private mutating func addDeadline() {
        guard let deadline = operation.deadline else { return }
        let message =
            deadline > facts.now
            ? "it ends in error if it has not completed by its deadline"
            : "its deadline has passed: the next look of a worker ends it"
        reasons.append(ReasonView(.deadline, message, until: deadline))
    }

    // MARK: Under way

    private mutating func addExecuting() {
        let worker = operation.worker.map { "\($0.node), pid \($0.pid)" } ?? "a worker"
        if facts.isWorkerGone {
            reasons.append(
                ReasonView(.workerGone, "its worker, \(worker), is gone: a reaper gives it back to its queue soon")
            )
        }
        if let requestedAt = operation.cancelRequestedAt {
            let by = operation.cancelRequester.map { " by \($0)" } ?? ""
            reasons.append(
                ReasonView(.cancelRequested, "its end was asked for\(by): its worker is ending it", since: requestedAt)
            )
        }
        reasons.append(
            ReasonView(
                .executing,
                "it runs on \(worker), attempt \(operation.failures + 1) of \(operation.maximumAttempts)",
                since: operation.startedAt
            )
        )
    }

    private mutating func addFolded() {
        guard let primary = facts.primary else {
            reasons.append(ReasonView(.folded, "it follows an operation that does not exist: run 'clusterctl doctor'"))
            return
        }
        let place = primary.node.map { " on \($0)" } ?? ""
        let doing =
            primary.state == .executing
            ? "which runs\(place)" : "which is \(primary.state.rawValue) again; 'op explain' tells why"
        reasons.append(
            ReasonView(
                .folded,
                "it is done together with operation \(primary.id), \(doing)",
                operations: [primary.id],
                since: primary.startedAt
            )
        )
    }

    // MARK: Ended

    private mutating func addComplete() {
        let how =
            if let primary = operation.foldedInto {
                "it was done together with operation \(primary)"
            } else {
                "it ran on \(operation.worker?.node.description ?? "a worker")"
            }
        let attempts = operation.attempts > 1 ? ", at attempt \(operation.attempts)" : ""
        reasons.append(
            ReasonView(
                .complete,
                how + attempts,
                operations: operation.foldedInto.map { [$0] } ?? [],
                since: operation.finishedAt
            )
        )
    }

    private mutating func addBadEnd() {
        let reason: ReasonView.Reason =
            switch operation.state {
            case .aborted: .aborted
            case .cancelled: .cancelled
            default: .error
            }
        var message = operation.error.map { "\($0.code): \($0.message)" } ?? "no error was recorded"
        if reason == .cancelled, let requester = operation.cancelRequester { message += ", by \(requester)" }
        if let primary = operation.foldedInto { message += "; it was done together with operation \(primary)" }
        reasons.append(
            ReasonView(
                reason,
                message,
                operations: operation.foldedInto.map { [$0] } ?? [],
                since: operation.finishedAt
            )
        )
    }
}

extension ExplanationView {
    /// Explains from facts; pure.
    init(_ facts: ExplanationFacts) {
        uuid = facts.operation.id
        state = facts.operation.state
        queueName = facts.operation.queue.description
        seenAt = facts.now
        reasons = Explanation(facts).reasons
        attemptHistory = facts.operation.attemptHistory
        error = facts.operation.error
    }
}
