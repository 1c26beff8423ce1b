import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// The greatest count that is exact: the contract's 10,000.
    private static let exactCount = 10_000
    /// Queues that are looked at: two kinds of queue in five lanes for each of 1,000 nodes, twice over.
    private static let mostQueues = 20_000
    /// Queues counted in one statement; more save no round trip that would be felt.
    private static let countedAtOnce = 20

    /// Every queue that has operations, and every single queue that is paused, by name.
    package func queues() async throws -> ListView<QueueView> {
        ListView(
            try await read { session in
                let pauses = try QueueStatements.pauses(on: session)
                let used = try QueueStatements.countsInUse(
                    most: Self.mostQueues,
                    limit: Self.exactCount + 1,
                    on: session
                )
                let others = Set(pauses.compactMap { try? QueueName($0.pattern) }).subtracting(used.map(\.queue))
                let views = try Self.views(of: others, pauses, on: session)
                return (used.map { QueueView($0, exactUpTo: Self.exactCount, pauses: pauses) } + views)
                    .sorted { $0.queueName < $1.queueName }
            }
        )
    }

    private static func views(
        of names: Set<QueueName>,
        _ pauses: [QueuePause],
        on session: borrowing Session
    ) throws -> [QueueView] {
        var views: [QueueView] = []
        var rest = names.sorted()[...]
        while !rest.isEmpty {
            let page = Array(rest.prefix(countedAtOnce))
            rest = rest.dropFirst(page.count)
            views += try QueueStatements.counts(of: page, limit: exactCount + 1, on: session)
                .map { QueueView($0, exactUpTo: exactCount, pauses: pauses) }
        }
        return views
    }

    /// The rules that keep queues from being drained, by pattern, with what each of them keeps now.
    package func pauses() async throws -> ListView<QueuePauseUseView> {
        ListView(
            try await read { session in
                let rules = try QueueStatements.pauses(on: session)
                let globs = rules.map { Glob($0.pattern) }
                let used = Set(
                    try Self.queuesInUse(on: session).filter { queue in
                        globs.contains { $0.matches(queue.description) }
                    }
                )
                let views = try Self.views(of: used, rules, on: session)
                let all = used.union(QueueName.all(of: try NodeStatements.nodes(on: session).map(\.name)))
                return zip(rules, globs).map { rule, glob in
                    QueuePauseUseView(
                        rule: rule.view,
                        queues: all.count { glob.matches($0.description) },
                        of: views.filter { glob.matches($0.queueName.description) }
                    )
                }
            }
        )
    }

    /// Keeps the queues of a pattern from being drained; what runs goes on.
    ///
    /// Workers heed it at their next look. A pattern that is paused already gets the new reason.
    package func pause(_ pattern: QueuePattern, reason: String) async throws -> QueuePauseView {
        let requester = queue.requester
        return try await write { transaction in
            try QueueStatements.pause(pattern, reason: reason, requester: requester, on: transaction.session)
            let pauses = try QueueStatements.pauses(on: transaction.session)
            guard let pause = pauses.first(where: { $0.pattern == pattern.description }) else {
                preconditionFailure("it was just written, under a lock")
            }
            try audit(pause.audited(.queuePaused, reason: reason), in: transaction)
            return pause.view
        }
    }

    /// Returns whether the cluster has a queue that a pattern matches; a rule without one pauses nothing.
    package func hasQueue(matching pattern: QueuePattern) async throws -> Bool {
        let glob = Glob(pattern.description)
        let nodes = try await read { try NodeStatements.nodes(on: $0) }.map(\.name)
        return QueueName.all(of: nodes).contains { glob.matches($0.description) }
    }

    /// Removes every rule whose pattern is the given one or lies within it, and wakes who can go on.
    package func resume(_ pattern: QueuePattern) async throws -> QueueResumeView {
        let glob = Glob(pattern.description)
        let view = try await write { transaction in
            var (removed, left): ([QueuePause], [QueuePause]) = ([], [])
            for pause in try QueueStatements.pauses(on: transaction.session) {
                if glob.matches(pause.pattern), try QueueStatements.resume(pause.pattern, on: transaction.session) {
                    try audit(pause.audited(.queueResumed), in: transaction)
                    removed.append(pause)
                } else if Glob(pause.pattern).matches(pattern.description) {
                    left.append(pause)
                }
            }
            return QueueResumeView(
                pattern: pattern.description,
                removed: removed.map(\.view),
                stillPausedBy: left.map(\.view)
            )
        }
        if !view.removed.isEmpty {
            let queues = try await read { try Self.queuesInUse(on: $0) }
            await queue.waker.wake(Set(queues.filter { glob.matches($0.description) }))
        }
        return view
    }

    /// Returns the queues that have operations, by name.
    static func queuesInUse(on session: borrowing Session) throws -> [QueueName] {
        try QueueStatements.countsInUse(most: mostQueues, limit: 1, on: session).map(\.queue)
    }

    /// Returns the waits of ended operations up to their last start; a sample of the newest.
    package func waits(since: Duration?) async throws -> WaitsView {
        WaitsView(
            try await read { try WaitStatements.classes(since: since, on: $0) },
            sampleLimit: WaitStatements.sample
        )
    }

    /// Returns the counts of what became of the requests for each task, by task.
    package func coalescing() async throws -> ListView<CoalescingView> {
        let totals = try await read { try CoalescingStatements.totals(on: $0) }
        var views: [TaskName: CoalescingView] = [:]
        for total in totals {
            views[total.task, default: CoalescingView(task: total.task)].add(total.outcome, total.count)
        }
        return ListView(views.values.sorted { $0.task < $1.task })
    }
}

extension QueueView {
    fileprivate init(
        _ counts: QueueStatements.Counts,
        exactUpTo limit: Int,
        pauses: [QueuePause]
    ) {
        let matching = pauses.filter { Glob($0.pattern).matches(counts.queue.description) }
        self.init(
            queueName: counts.queue,
            queued: min(counts.queued, limit),
            delayed: min(counts.delayed, limit),
            blocked: min(counts.blocked, limit),
            executing: min(counts.executing, limit),
            capped: max(counts.queued, counts.delayed, counts.blocked, counts.executing) > limit,
            oldestSeconds: counts.oldestReadyAt.map { counts.now.seconds(since: $0) },
            paused: !matching.isEmpty,
            pausedReason: matching.isEmpty ? nil : matching.map(\.reason).joined(separator: "; ")
        )
    }
}

extension CoalescingView {
    private static let refusal = "refused "

    fileprivate mutating func add(_ outcome: String, _ count: Int) {
        switch outcome {
        case "requested": requested += count
        case "deduplicated": deduplicated += count
        case "folded": folded += count
        case "executed": executed += count
        default:
            guard outcome.hasPrefix(Self.refusal) else { return }
            refused[String(outcome.dropFirst(Self.refusal.count)), default: 0] += count
        }
    }
}

extension QueuePause {
    /// The line of the audit trail for a change of the rule.
    fileprivate func audited(_ kind: AuditKind, reason: String? = nil) -> AuditedChange {
        AuditedChange(
            kind,
            of: pattern,
            reason: reason,
            values: [
                "reason": .string(self.reason), "requester": .string(requester), "paused_at": .string("\(pausedAt)"),
            ]
        )
    }
}
