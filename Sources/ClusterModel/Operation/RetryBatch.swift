import DatabaseTime

/// Decides which of some ended operations can be done again together, and what the new ones wait for; pure.
///
/// A new operation waits for the new ones of its dependencies: those of this batch, or those as which they were
/// retried before. An operation whose dependency has not completed, and is not retried, would be aborted again.
package struct RetryBatch: Sendable {
    /// The operations to do again, with the requests for the new ones, which carry their ids.
    package private(set) var chosen: [(old: Operation, request: OperationRequest)] = []
    /// Operations that depend on some that are still to be retried.
    package private(set) var deferred: [OperationID] = []
    /// Operations that cannot be retried, and why.
    package private(set) var refused: [(id: OperationID, reason: ClusterOpsError)] = []

    /// The operations on which those of a batch depend, as far as they are known.
    package struct Dependencies: Sendable {
        /// The last retry of each that was retried.
        package var latest: [OperationID: OperationID]
        /// The states of all that exist, retries included.
        package var states: [OperationID: OperationState]

        package init(latest: [OperationID: OperationID] = [:], states: [OperationID: OperationState] = [:]) {
            self.latest = latest
            self.states = states
        }

        fileprivate func current(_ id: OperationID) -> OperationID { latest[id] ?? id }
    }

    /// Decides.
    ///
    /// - Parameters:
    ///   - old: The ended operations.
    ///   - unfit: Those whose work cannot be asked for any more, and why.
    ///   - dependencies: What is known of their dependencies.
    ///   - pending: Operations that are to be retried after these.
    ///   - ignoringDependencies: Whether the new operations wait for nothing.
    package init(
        _ old: [Operation],
        unfit: [OperationID: ClusterOpsError] = [:],
        dependencies: Dependencies,
        pending: Set<OperationID> = [],
        ignoringDependencies: Bool = false
    ) {
        var candidates: [Operation] = []
        for operation in old {
            if let reason = operation.retryRefusal ?? unfit[operation.id] {
                refused.append((operation.id, reason))
            } else {
                candidates.append(operation)
            }
        }
        var pending = pending
        var isSettled = ignoringDependencies
        while !isSettled {
            // What is left out takes those with it that depend on it.
            isSettled = true
            let together = Set(candidates.map(\.id))
            candidates.removeAll { operation in
                let unmet = operation.dependsOn.first { id in
                    !together.contains(id) && !Self.isUsable(dependencies.states[dependencies.current(id)])
                }
                guard let unmet else { return false }
                isSettled = false
                if pending.contains(unmet) {
                    deferred.append(operation.id)
                    pending.insert(operation.id)
                } else {
                    refused.append((operation.id, Self.refusal(of: operation, for: unmet, dependencies)))
                }
                return true
            }
        }
        let newIDs = Dictionary(candidates.map { ($0.id, OperationID.new()) }, uniquingKeysWith: { first, _ in first })
        chosen = candidates.map { operation in
            var request = operation.requestAgain
            request.id = newIDs[operation.id]
            guard !ignoringDependencies else { return (operation, request) }
            request.dependsOn = operation.dependsOn.map { newIDs[$0] ?? dependencies.current($0) }
            // Of one that history has forgotten, only the order was wanted, and that is kept.
            request.runsAfter = operation.runsAfter.compactMap { id in
                if let new = newIDs[id] { return new }
                let current = dependencies.current(id)
                return dependencies.states[current] == nil ? nil : current
            }
            return (operation, request)
        }
    }

    private static func isUsable(_ state: OperationState?) -> Bool {
        guard let state else { return false }
        return !state.isTerminal || state == .complete
    }

    private static func refusal(
        of operation: Operation,
        for dependency: OperationID,
        _ dependencies: Dependencies
    ) -> ClusterOpsError {
        let current = dependencies.current(dependency)
        guard let state = dependencies.states[current] else {
            return ClusterOpsError(
                .notFound,
                "operation '\(operation.id)' depends on '\(dependency)', of which nothing is known any more: "
                    + "ignore its dependencies"
            )
        }
        return ClusterOpsError(
            .conflict,
            "operation '\(operation.id)' depends on '\(current)', which ended '\(state.rawValue)': "
                + "retry that one first, or ignore the dependencies"
        )
    }
}

extension Operation {
    /// The reason why it cannot be retried, whatever it depends on.
    fileprivate var retryRefusal: ClusterOpsError? {
        guard state.isTerminal else {
            return ClusterOpsError(.conflict, "operation '\(id)' has not ended: it is \(state.rawValue)")
        }
        guard state != .complete else {
            return ClusterOpsError(
                .conflict,
                "operation '\(id)' has completed: a retry is for one that did not; enqueue the work anew"
            )
        }
        return nil
    }

    /// The same content, asked for again, without dependencies.
    package var requestAgain: OperationRequest {
        // What is stored was checked; one that is not a label any more cannot be asked for.
        let labels = labels.compactMap { try? OperationLabel(name: $0.key, value: $0.value) }
        return OperationRequest(
            tasks: tasks,
            target: .init(network: network, node: node, interface: interface),
            lane: queue.lane,
            parameters: parameters,
            deadline: deadline.map { .microseconds($0.microseconds - enqueuedAt.microseconds) },
            labels: labels.sorted(),
            allowsDedup: false
        )
    }
}
